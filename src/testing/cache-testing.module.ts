import type { DynamicModule } from '@nestjs/common';
import { CacheModule } from '../cache.module.js';
import type { CacheModuleOptions } from '../cache.options.js';
import { FakeClock } from './fake-clock.js';

/**
 * `CacheModule` for unit tests: memory only, no jitter, and a clock that the test moves
 * (`app.get(FakeClock).advance('5m')`). Takes the same options; an option that is given counts.
 */
export class CacheTestingModule {
  static forRoot(options: CacheModuleOptions & { isGlobal?: boolean } = {}): DynamicModule {
    const clock = options.clock instanceof FakeClock ? options.clock : new FakeClock();
    const root = CacheModule.forRoot({ ...options, jitter: options.jitter ?? 0, clock: options.clock ?? clock });
    return {
      ...root,
      providers: [...(root.providers ?? []), { provide: FakeClock, useValue: clock }],
      exports: [...(root.exports ?? []), FakeClock],
    };
  }
}

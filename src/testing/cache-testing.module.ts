import type { DynamicModule } from '@nestjs/common';
import { CacheModule } from '../cache.module.js';
import type { CacheModuleOptions } from '../cache.options.js';
import { FakeClock } from './fake-clock.js';

/**
 * `CacheModule` for unit tests: memory only, no jitter, no jobs, and a clock that the test moves
 * (`app.get(FakeClock).advance('5m')`). Takes the same options; an option that is given counts.
 */
export class CacheTestingModule {
  static forRoot(options: CacheModuleOptions & { isGlobal?: boolean } = {}): DynamicModule {
    const clock = options.clock instanceof FakeClock ? options.clock : new FakeClock();
    const { jitter = 0, jobs = { enabled: false } } = options;
    const root = CacheModule.forRoot({ ...options, jitter, jobs, clock: options.clock ?? clock });
    return {
      ...root,
      providers: [...(root.providers ?? []), { provide: FakeClock, useValue: clock }],
      exports: [...(root.exports ?? []), FakeClock],
    };
  }
}

import { describe, expect, it } from '@jest/globals';
import { Injectable, Scope } from '@nestjs/common';
import { CacheConfig, CacheModule, Fallback } from '../../src/index.js';
import { bootError } from '../module/app.js';

@Injectable()
class Replica {
  async find(id: number): Promise<string> {
    return `film ${id}`;
  }

  async other(): Promise<void> {}
}

describe('what @Fallback says is checked at boot', () => {
  it('and all of it is reported, with class and method', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class OfRequest {
      find(): void {}
    }
    @Injectable()
    @CacheConfig({ cache: 'gone' })
    class Wrong {
      @Fallback({ to: ['nobody', Replica, OfRequest], cache: 'default' })
      async remove(): Promise<void> {}

      @Fallback({ to: [], timeout: 0, cache: 'default' })
      async save(): Promise<void> {}

      @Fallback({ to: [OfRequest], cache: 'default' } as never)
      async find(): Promise<void> {}

      @Fallback({ to: [Replica] })
      async other(): Promise<void> {}

      @Fallback({ to: [{ use: () => {}, retries: 3 }], key: 'k', cache: 'default' } as never)
      async typo(): Promise<void> {}
    }
    const error = await bootError({
      imports: [CacheModule.forRoot()],
      providers: [Wrong, Replica, OfRequest],
    });
    expect(error.problems.map(({ option, value }) => [option, value]).sort()).toEqual([
      ['cache in @Fallback of Wrong.other', 'gone'],
      ['key in @Fallback of Wrong.typo', 'k'],
      ['to in @Fallback of Wrong.save', []],
      ['to[0].provider in @Fallback of Wrong.find', 'OfRequest'],
      ['to[0].provider in @Fallback of Wrong.remove', 'nobody'],
      ['to[0].retries in @Fallback of Wrong.typo', 3],
      ['to[1].method in @Fallback of Wrong.remove', 'remove'],
      ['to[2].provider in @Fallback of Wrong.remove', 'OfRequest'],
    ]);
    expect(error.message).toMatch(/There is no such provider in this app/);
  });

  it('also the options of its chain', async () => {
    @Injectable()
    class Wrong {
      @Fallback({ to: [Replica], hedge: 'yes', timeout: 'soon' } as never)
      async find(): Promise<void> {}
    }
    const { problems } = await bootError({ imports: [CacheModule.forRoot()], providers: [Wrong, Replica] });
    expect(problems.map(({ option }) => option)).toContain('hedge in @Fallback of Wrong.find');
  });
});

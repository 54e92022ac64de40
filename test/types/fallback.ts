import {
  type BackupOption,
  Fallback,
  type FallbackOptions,
  SourceChain,
  type SourceContext,
  UseFallback,
} from '../../src/index.js';
import type { Is } from './is.js';

class Replica {
  find(id: number): Promise<string> {
    return Promise.resolve(`${id}`);
  }
}

export class Films {
  @Fallback<Films['find']>({ to: [Replica, 'TOKEN', Symbol('token'), { provider: Replica, method: 'find' }] })
  async find(id: number): Promise<string> {
    return `${id}`;
  }

  @Fallback<Films['typed']>({ to: [{ use: (id) => id.toFixed() }], serveStale: '1h', key: (id) => [id.toFixed()] })
  async typed(id: number): Promise<string> {
    return `${id}`;
  }

  // @ts-expect-error a backup gives what the method gives
  @Fallback<Films['wrong']>({ to: [{ use: (id) => id }] })
  async wrong(id: number): Promise<string> {
    return `${id}`;
  }

  // @ts-expect-error the key is made from the arguments of the method
  @Fallback<Films['wrongKey']>({ to: [Replica], serveStale: '1h', key: (id: string) => [id] })
  async wrongKey(id: number): Promise<string> {
    return `${id}`;
  }

  // @ts-expect-error backups are needed
  @Fallback<Films['without']>({ timeout: '1s' })
  async without(): Promise<void> {}

  @UseFallback<[id: string]>({ to: [Replica], serveStale: '1h', key: (id) => [id] })
  handler(id: string): string {
    return id;
  }

  // @ts-expect-error a duration is a number or a text with a unit
  @UseFallback({ to: [Replica], timeout: 'soon' })
  soon(id: string): string {
    return id;
  }
}

@UseFallback({ to: [Replica] })
export class Whole {}

const chain = new SourceChain<[id: number], string>({
  name: 'films',
  sources: [{ name: 'primary', load: ({ signal }, id) => (signal.aborted ? '' : id.toFixed()) }],
});

export const loader: Is<
  ReturnType<typeof chain.ask> extends Promise<{ value: string; source: string }> ? true : false,
  true
> = true;
export const context: Is<SourceContext['signal'], AbortSignal> = true;
export const option: BackupOption = Replica;
export const options: FallbackOptions = { to: [option], breaker: { halfOpenAfter: '1s' }, hedge: { after: 'p95' } };

// @ts-expect-error the loader takes the arguments of its sources
chain.loader('7');

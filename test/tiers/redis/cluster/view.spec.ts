import { describe, expect, it } from '@jest/globals';
import { mergeViews, parseHosts, parseNodes } from '../../../../src/tiers/redis/cluster/view.js';

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);
const C = 'c'.repeat(40);

const line = (id: string, port: number, flags: string, epoch: number, slots: string, master = '-'): string =>
  `${id} 10.0.0.1:${port}@${port + 10_000} ${flags} ${master} 0 0 ${epoch} connected${slots && ` ${slots}`}\n`;

const view = (...lines: string[]): ReturnType<typeof parseNodes> => parseNodes(lines.join(''), 'asked', new Map());

describe('what a node says of a cluster', () => {
  it('tells addresses, roles, slots, and what is on its way', () => {
    const [a, b, c] = view(
      line(A, 1, 'myself,master', 3, `0-99 200 [150->-${B}]`),
      line(B, 2, 'master,fail', 2, '300-16383'),
      line(C, 3, 'slave', 3, '', A),
    );
    expect(a).toMatchObject({ id: A, host: '10.0.0.1', port: 1, master: true, failing: false, epoch: 3, open: true });
    expect(a?.ranges).toEqual([
      [0, 99],
      [200, 200],
    ]);
    expect(b).toMatchObject({ master: true, failing: true, signature: undefined, open: false });
    expect(c).toMatchObject({ master: false, ranges: [] });
  });

  it('is told where nodes do not know their own address, or are to be called by name', () => {
    const text = `${A} :1@10001 myself,master - 0 0 1 connected 0-16383\n`;
    expect(parseNodes(text, '127.0.0.1', new Map())[0]?.host).toBe('127.0.0.1');
    const slots = [[0, 16_383, [Buffer.from('one.example'), 1, Buffer.from(A)]]];
    expect(parseNodes(text, '127.0.0.1', parseHosts(slots))[0]?.host).toBe('one.example');
    const unknown = [[0, 16_383, [null, 1, Buffer.from(A)], [Buffer.from('?'), 2, Buffer.from(B)]]];
    expect(parseHosts(unknown).size).toBe(0);
  });

  it('leaves out who is not reached yet or has no address', () => {
    expect(view(line(A, 1, 'handshake', 0, ''), line(B, 2, 'master,noaddr', 1, ''))).toEqual([]);
  });

  it('has another signature when role, slots or what is on its way are others', () => {
    const of = (flags: string, slots: string): string | undefined => view(line(A, 1, flags, 1, slots))[0]?.signature;
    const all = [
      of('myself,master', '0-99'),
      of('myself,master', '0-98'),
      of('myself,slave', '0-99'),
      of('myself,master', `0-99 [5->-${B}]`),
    ];
    expect(new Set(all).size).toBe(4);
  });
});

describe('what several nodes say together', () => {
  it('is for each node what it says of itself', () => {
    const merged = mergeViews([
      view(line(A, 1, 'myself,master', 1, '0-99'), line(B, 2, 'master', 2, '100-199')),
      view(line(A, 1, 'master', 1, '0-99'), line(B, 2, 'myself,master', 2, '101-199')),
    ]);
    expect(merged.owners.slice(99, 102)).toEqual([A, undefined, B]);
  });

  it('gives a slot to the claim with the higher epoch, and drops a master who lost all', () => {
    const merged = mergeViews([
      view(line(A, 1, 'myself,master', 1, '0-99'), line(B, 2, 'slave', 1, '', A)),
      view(line(C, 3, 'myself,master', 2, '100-199'), line(B, 2, 'master', 3, '0-99'), line(A, 1, 'master', 1, '')),
    ]);
    expect(merged.owners[0]).toBe(B);
    expect([...merged.masters.keys()].sort()).toEqual([B, C]);
  });

  it('keeps a master that is away and has no successor, and one that has no slots yet', () => {
    const merged = mergeViews([
      view(
        line(C, 3, 'myself,master', 2, '100-199'),
        line(A, 1, 'master,fail', 1, '0-99'),
        line(B, 2, 'master', 0, ''),
      ),
    ]);
    expect([...merged.masters.keys()].sort()).toEqual([A, B, C]);
    const failed = mergeViews([view(line(C, 3, 'myself,master', 2, '0-199'), line(A, 1, 'master,fail', 1, ''))]);
    expect([...failed.masters.keys()]).toEqual([C]);
  });
});

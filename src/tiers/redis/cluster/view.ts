import { createHash } from 'node:crypto';
import { SLOTS } from './slots.js';

/** What is known of a node: what it says of itself, else what others say. */
export interface NodeView {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly master: boolean;
  /** Others do not reach it. */
  readonly failing: boolean;
  readonly epoch: number;
  readonly ranges: readonly (readonly [number, number])[];
  /** Of what it says of itself: it changes with its role, its slots, and slots on their way. `undefined`: it was not asked. */
  readonly signature: string | undefined;
  /** Slots are on their way to it or from it. */
  readonly open: boolean;
}

/** A cluster as its nodes see it together. */
export interface ClusterView {
  /** Masters that have slots, or may get some. */
  readonly masters: ReadonlyMap<string, NodeView>;
  /** Who has each slot. */
  readonly owners: readonly (string | undefined)[];
}

/**
 * What one node answers to CLUSTER NODES. `asked`: under which host; it may not know its own. `hosts`: by id, where CLUSTER
 * SLOTS wants nodes to be called otherwise.
 */
export function parseNodes(text: string, asked: string, hosts: ReadonlyMap<string, string>): NodeView[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseNode(line, asked, hosts))
    .filter((node) => node !== undefined);
}

function parseNode(line: string, asked: string, hosts: ReadonlyMap<string, string>): NodeView | undefined {
  const [id = '', address = '', list = '', , , , epoch, , ...slots] = line.trimEnd().split(' ');
  const [, ip, port] = /^(.*):(\d+)(?:@\d+)?(?:,.*)?$/.exec(address) ?? [];
  const flags = list.split(',');
  if (port === undefined || flags.includes('noaddr') || flags.includes('handshake')) return undefined;
  const self = flags.includes('myself');
  return {
    id,
    host: hosts.get(id) || ip || asked,
    port: Number(port),
    master: flags.includes('master'),
    failing: flags.some((flag) => flag.startsWith('fail')),
    epoch: Number(epoch),
    ranges: slots
      .filter((range) => !range.startsWith('['))
      .map((range) => {
        const [from = 0, to = from] = range.split('-').map(Number);
        return [from, to];
      }),
    signature: self ? signatureOf(id, list, slots.join(' ')) : undefined,
    open: slots.some((range) => range.startsWith('[')),
  };
}

/** The script ECHO makes it in the same way. */
function signatureOf(id: string, flags: string, slots: string): string {
  return createHash('sha1').update(`${id} ${flags} ${slots}`).digest('hex');
}

/** Who is called how by CLUSTER SLOTS: by address or by name, as the cluster prefers. */
export function parseHosts(answer: unknown): Map<string, string> {
  const hosts = new Map<string, string>();
  if (!Array.isArray(answer)) return hosts;
  for (const [, , ...nodes] of answer as [unknown, unknown, ...unknown[][]][]) {
    for (const [host, , id] of nodes) {
      const name = host === null ? '' : String(host);
      if (name !== '' && name !== '?') hosts.set(String(id), name);
    }
  }
  return hosts;
}

/**
 * Puts together what several nodes say. Who was asked knows best about itself; of two that claim a slot the one with the higher
 * epoch has it, as in the cluster itself.
 */
export function mergeViews(views: readonly (readonly NodeView[])[]): ClusterView {
  const known = new Map<string, NodeView>();
  const failing = new Set<string>();
  for (const node of views.flat()) {
    if (node.failing) failing.add(node.id);
    const other = known.get(node.id);
    if (!other || better(node, other)) known.set(node.id, node);
  }
  const owners: (string | undefined)[] = new Array(SLOTS);
  const masters = [...known.values()].filter(({ master }) => master).sort((a, b) => a.epoch - b.epoch);
  for (const { id, ranges } of masters) for (const [from, to] of ranges) owners.fill(id, from, to + 1);
  const owning = new Set(owners);
  // One that claims slots which others have by now was deposed and does not know it yet.
  const taken = masters.filter(({ id, ranges }) => owning.has(id) || (ranges.length === 0 && !failing.has(id)));
  return { masters: new Map(taken.map((node) => [node.id, node])), owners };
}

function better(one: NodeView, other: NodeView): boolean {
  if ((one.signature === undefined) !== (other.signature === undefined)) return one.signature !== undefined;
  return one.epoch > other.epoch;
}

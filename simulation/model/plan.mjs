import { pick, randomOf } from '../lib/random.mjs';
import { COMMAND_TIMEOUTS, END, KEYS, lateTagsOf, MAX_LOSS, SET_KEYS, tagOf } from './settings.mjs';

/**
 * @typedef {{ at: number, kind: string, process: number, key: string } & Record<string, any>} Item
 * `owned`: the clients were made by the tiers, not by the apps.
 * `grace`: loads may fail, and then an older value stands in.
 * @typedef {{ processes: number, owned: boolean, grace: boolean, commandTimeout: number, profile: string, items: Item[] }} Plan
 */

/** What a plan is mainly about. A pick of a list makes what is in it several times more likely. */
const PROFILES = {
  mixed: {},
  markers: {
    keys: 2,
    modes: ['tag', 'tag', 'late', 'late', 'prefix', 'clear'],
    faults: ['marker', 'marker', 'marker', 'break', 'slow', 'pause'],
  },
  puts: { keys: 2, modes: ['put', 'put', 'put', 'put-fails', 'evict'] },
  loss: { keys: 2, faults: ['restart', 'restart', 'break', 'pause'] },
  hot: { keys: 2, hot: true },
  bus: {
    keys: 1,
    processes: 2,
    modes: ['tag', 'late', 'prefix', 'evict'],
    faults: ['slow', 'still', 'pause', 'break', 'break', 'break'],
  },
  storm: {
    keys: 1,
    hot: true,
    modes: ['tag', 'late', 'put', 'tag', 'late', 'put', 'evict', 'prefix'],
    faults: ['slow', 'slow', 'slow', 'break'],
  },
};
const DRAW = ['mixed', 'mixed', 'markers', 'puts', 'loss', 'hot', 'bus', 'storm', 'storm'];
const MODES = [
  'evict',
  'evict',
  'put',
  'put',
  'put',
  'put-fails',
  'tag',
  'late',
  'prefix',
  'pattern',
  'clear',
  'expire',
];
const FAULTS = [
  'break',
  'break',
  'break',
  'pause',
  'crash',
  'close',
  'restart',
  'flush',
  'lose',
  'lose',
  'marker',
  'marker',
  'slow',
  'still',
  'jump',
  'scripts',
  'foreign',
];

/** @param {number} seed @returns {Plan} */
export function planOf(seed) {
  const random = randomOf(seed);
  const profile = pick(random, DRAW);
  const {
    keys = KEYS.length,
    hot = random() < 0.5,
    modes = MODES,
    faults = FAULTS,
    processes = 2 + Math.floor(random() * 2.3),
  } = PROFILES[profile];
  const draft = {
    random,
    profile,
    modes,
    faults,
    hot,
    processes,
    keys: 1 + Math.floor(random() * keys),
    items: [],
  };
  const centre = random() * END;
  const width = profile === 'storm' ? 500 : 300;
  draft.time = () =>
    hot && random() < 0.6 ? Math.min(END, Math.max(0, centre + (random() - 0.5) * width)) : random() * END;
  addReads(draft);
  addWrites(draft);
  if (random() < 0.3) addSets(draft);
  if (profile === 'bus' || random() < 0.8) addFaults(draft);
  draft.items.sort((a, b) => a.at - b.at);
  return {
    processes,
    owned: random() < 0.7,
    grace: random() < 0.2,
    commandTimeout: pick(random, COMMAND_TIMEOUTS),
    profile,
    items: draft.items,
  };
}

function add(draft, at, kind, more = {}) {
  const { random, processes, keys } = draft;
  const item = {
    at: Number(Math.max(0, at).toFixed(2)),
    kind,
    process: Math.floor(random() * processes),
    key: KEYS[Math.floor(random() * keys)],
  };
  draft.items.push({ ...item, ...more });
}

function addReads(draft) {
  const { random, profile } = draft;
  const few = profile === 'bus' ? [15, 60] : [40, profile === 'storm' || random() < 0.3 ? 400 : 120];
  const count = few[0] + Math.floor(random() * few[1]);
  for (let i = 0; i < count; i++) {
    const draw = random();
    if (draw < 0.05) add(draft, draft.time(), 'get');
    else if (draw > 0.96) add(draft, draft.time(), 'bulk', { strong: draw > 0.99 });
    else add(draft, draft.time(), 'read', { strong: draw < 0.33 });
  }
}

function addWrites(draft) {
  const { random, modes } = draft;
  const count = 4 + Math.floor(random() * 24);
  for (let i = 0; i < count; i++) {
    const mode = pick(random, modes);
    addWrite(draft, draft.time(), mode);
    if (draft.profile === 'storm') addWrite(draft, draft.items.at(-1).at + random() * 12, mode);
  }
}

function addSets(draft) {
  const { random } = draft;
  const key = () => ({ key: pick(random, SET_KEYS) });
  for (let i = 0, n = 4 + Math.floor(random() * 16); i < n; i++) add(draft, draft.time(), 'set', key());
  for (let i = 0, n = 20 + Math.floor(random() * 60); i < n; i++) add(draft, draft.time(), 'show', key());
  for (let i = 0, n = Math.floor(random() * 6); i < n; i++)
    add(draft, draft.time(), 'drop', { ...key(), pattern: random() < 0.3 });
}

function addWrite(draft, at, mode) {
  const { random } = draft;
  const able = KEYS.slice(0, draft.keys).filter((key) => mode !== 'late' || lateTagsOf(key).length > 0);
  const key = pick(random, able);
  const keys = [key];
  const related = {
    tag: (other) => tagOf(other) === tagOf(key),
    prefix: (other) => other[0] === key[0],
    pattern: (other) => other[0] === key[0],
    evict: () => true,
    clear: () => true,
  }[mode];
  if (related && random() < 0.4) keys.push(...KEYS.filter((other) => other !== key && related(other)).slice(0, 1));
  add(draft, at, 'write', { keys, mode });
}

function addFaults(draft) {
  const { random, faults, profile } = draft;
  const count = 1 + Math.floor(random() * 9);
  for (let i = 0; i < count; i++) {
    const kind = pick(random, faults);
    const at = draft.time();
    if (profile === 'loss' && kind === 'restart') {
      add(draft, at - 60 * random(), 'write', {
        keys: [KEYS[0]],
        mode: pick(random, ['evict', 'evict', 'put', 'tag']),
      });
      for (let j = 0; j < 3; j++) add(draft, at - 100 * random(), 'read', { strong: random() < 0.3 });
    }
    add(draft, at, kind, {
      which: pick(random, ['commands', 'subscriber', 'subscriber', 'both']),
      how: pick(random, ['reset', 'half-open']),
      direction: pick(random, ['out', 'in', 'both']),
      time: 20 + random() * 250,
      suspend: random() < 0.2,
      loss: random() < (profile === 'loss' ? 0.1 : 0.5) ? 0 : random() * MAX_LOSS,
      marker: pick(random, ['*', 'p:a:', 't:s:1', 't:s:2', 't:d:1']),
      offset: (random() - 0.5) * 400,
    });
  }
}

// What a seed means: which faults come in which order. Nothing here depends on time.
import { randomOf } from '../../scripts/demo/random.mjs';
import { FAULTS, FAULTS_OF } from './faults.mjs';

/** Times that are short, so that much happens in a minute. */
export const TIER = { bound: 500, lossWindow: 2_000, commandTimeout: 250, connectTimeout: 1_000, breakerPause: 300 };

/** What every run has of each; then more of all until the time is filled. */
const LEAST = {
  standalone: {
    'bus-kill': 3,
    'commands-kill': 2,
    pause: 2,
    'kill-member': 2,
    'redis-restart': 1,
    'redis-lossy': 2,
    'redis-stall': 1,
    'hears-stall': 2,
    'speaks-stall': 1,
    'half-open': 1,
    delay: 1,
    flushall: 2,
    vanish: 2,
    'script-flush': 1,
  },
  cluster: {
    failover: 3,
    'slot-move': 3,
    handover: 1,
    'bus-kill': 1,
    'commands-kill': 1,
    pause: 1,
    'kill-member': 1,
    'hears-stall': 1,
    'half-open': 1,
    flushall: 1,
    vanish: 1,
    'script-flush': 1,
  },
};

/** Two of these at the same time would only hinder each other. */
const OF_SERVERS = /^(redis|failover|handover|slot-move)/;

const QUICK_SECONDS = 40;
const SECONDS = 150;
/** How many of the faults of a long run come together with another one. */
const TOGETHER = 0.25;

/**
 * @typedef {object} Plan
 * @property {string} seed
 * @property {string[]} faults in this order; `a+b` are two at the same time
 * @property {number} seconds least time under load
 */

/**
 * @param {{ seed: number, quick: boolean, seconds?: number, faults?: string[], topology: 'standalone' | 'cluster' }} options
 * @returns {Plan}
 */
export function planOf({ seed, quick, seconds, faults, topology }) {
  const random = randomOf(`${seed}:coherence${topology === 'cluster' ? ':cluster' : ''}`);
  const least = seconds ?? (faults ? 5 : quick ? QUICK_SECONDS : SECONDS);
  return {
    seed: `${seed}`,
    seconds: least,
    faults: faults ?? drawFaults(random, topology, least, quick ? 0 : TOGETHER),
  };
}

function drawFaults(random, topology, seconds, together) {
  const names = Object.keys(FAULTS_OF[topology]);
  const draw = () => names[Math.floor(random() * names.length)];
  const chosen = Object.entries(LEAST[topology]).flatMap(([name, count]) => Array(count).fill(name));
  const duration = () => chosen.reduce((sum, name) => sum + FAULTS[name].seconds, 0);
  while (duration() < seconds) chosen.push(draw());
  for (let i = chosen.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [chosen[i], chosen[other]] = [chosen[other], chosen[i]];
  }
  return chosen.map((name) => {
    const other = draw();
    const free = other !== name && !(OF_SERVERS.test(name) && OF_SERVERS.test(other));
    return random() < together && free ? `${name}+${other}` : name;
  });
}

// All times of the model, in virtual milliseconds: short, so that much happens in a short run.

export const KEYS = ['a:1', 'a:2', 'b:1', 'b:2'];

/** Of values that have no row: `cache.set`. */
export const SET_KEYS = ['c:1', 'c:2'];

/** What a key's values depend on besides its prefix: told with the call, and only by the row. */
export const tagOf = (key) => `s:${key[2]}`;
export const lateTagsOf = (key) => (key[2] === '1' ? ['d:1'] : []);

/** How old an eventual read may be. */
export const BOUND = 120;

export const TTL = 500;
export const REFRESH_AHEAD = 0.3;
export const MEMORY_TTL = 400;
/** At the end nothing may be loaded again because it expired. */
export const LONG_TTL = 60_000;
export const MEMORY_ENTRIES = 3;
export const HARD_TIMEOUT = 250;
/** In plans in which loads fail: how long a value may stand in, and for how long nobody tries again then. */
export const GRACE = 300;
export const GRACE_BACKOFF = 40;
/** So many of those loads fail. */
export const FAILING = 0.3;
/** A process without Redis may show for longer what grace allows: so long after its last trouble. */
export const GRACE_SHADOW = HARD_TIMEOUT + GRACE_BACKOFF + BOUND;
/** What a process that is closed takes for it at most. */
export const CLOSE = 100;
/** Longer than the time between two echoes, or shorter. */
export const COMMAND_TIMEOUTS = [80, 80, 80, 30, 25];
export const BREAKER_PAUSE = 50;
/** Most undelivered changes, so that the list overflows. */
export const MAX_UNDELIVERED = 3;

/** Operations and faults begin until then. */
export const END = 1_200;
/**
 * When all must be well again: a process that crashed last is found dead after a second, what others load then has ended, too. Else it ends
 * during the last reads, which would load it again.
 */
export const QUIET = 3_300;
/** A crashed process is replaced after so long. */
export const REPLACED_AFTER = 30;
/** Most that a restarted Redis forgets. */
export const MAX_LOSS = 50;
export const LOSS_WINDOW = 60;
/** How long after a restart that lost writes strong reads are not compared with each other. */
export const LOSS_SHADOW = 400;
/** More is taken for an endless loop. */
export const MAX_EVENTS = 100_000;

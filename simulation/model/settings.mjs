// All times of the model, in virtual milliseconds: short, so that much happens in a short run.

export const KEYS = ['a:1', 'a:2', 'b:1', 'b:2'];

/** Of values that have no row: `cache.set`. */
export const SET_KEYS = ['c:1', 'c:2'];

/** What a key's values depend on besides its prefix: told with the call, and only by the row. */
export const tagOf = (key) => `s:${key[2]}`;
export const lateTagsOf = (key) => (key[2] === '1' ? ['d:1'] : []);

/** How old an eventual read may be. */
export const BOUND = 120;
/** Without a bus there is no memory to be stale, but a load may be shared with a caller that came later. */
export const BOUND_WITHOUT_BUS = 700;

export const TTL = 500;
export const REFRESH_AHEAD = 0.3;
export const MEMORY_TTL = 400;
/** At the end nothing may be loaded again because it expired. */
export const LONG_TTL = 60_000;
export const MEMORY_ENTRIES = 3;
export const HARD_TIMEOUT = 250;
/** Longer than the time between two echoes, or shorter. */
export const COMMAND_TIMEOUTS = [80, 80, 80, 30, 25];
export const BREAKER_PAUSE = 50;
/** Most undelivered changes, so that the list overflows. */
export const MAX_UNDELIVERED = 3;

/** Operations and faults begin until then. */
export const END = 1_200;
/** When all must be well again. */
export const QUIET = 2_300;
/** A crashed process is replaced after so long. */
export const REPLACED_AFTER = 30;
/** Most that a restarted Redis forgets. */
export const MAX_LOSS = 50;
export const LOSS_WINDOW = 60;
/** How long after a restart that lost writes strong reads are not compared with each other. */
export const LOSS_SHADOW = 400;
/** More is taken for an endless loop. */
export const MAX_EVENTS = 100_000;

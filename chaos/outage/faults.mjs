/** @typedef {import('../lib/servers.mjs').Servers} Servers */

/**
 * Ways in which Redis goes away. `back` ends when it answers again.
 * @type {Record<string, { title: string, away(servers: Servers): Promise<void> | void, back(servers: Servers): Promise<void> }>}
 */
export const FAULTS = {
  killed: {
    title: 'Redis is killed, and started again with its append-only file',
    away: (servers) => servers.stop('redis', 'SIGKILL'),
    back: (servers) => servers.start('redis'),
  },
  hanging: {
    title: 'Redis stands still: connections stay, nothing answers',
    away: (servers) => servers.signal('redis', 'SIGSTOP'),
    async back(servers) {
      servers.signal('redis', 'SIGCONT');
      await servers.withRedis((redis) => redis.ping());
    },
  },
};

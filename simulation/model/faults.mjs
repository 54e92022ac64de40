import { LOSS_SHADOW } from './settings.mjs';

/** @typedef {import('./simulation.mjs').Simulation} Simulation @typedef {import('./plan.mjs').Item} Item */

/** How long a half-open connection that nobody looks after lasts at most: then the system notices. */
const NOTICED = 400;

/** @param {Simulation} simulation @param {Item} item */
function linksOf(simulation, { process, which }) {
  const { clients } = simulation.processes[process];
  const wanted = clients.filter(
    (client) => client.status !== 'end' && (which === 'both' || (which === 'subscriber') === isSubscriber(client)),
  );
  return (wanted.length > 0 ? wanted : clients).flatMap(({ link }) => (link ? [link] : []));
}

/** The tier makes its subscriber from the app's own client. */
const isSubscriber = (client) => client.options.role !== 'app' || client.isSubscriber;

/** @type {Record<string, (simulation: Simulation, item: Item) => void>} */
export const FAULTS = {
  break(simulation, item) {
    for (const link of linksOf(simulation, item)) {
      if (item.how === 'reset') link.reset();
      else {
        link.silence(item.direction);
        if (!simulation.plan.owned) simulation.world.after(NOTICED, () => link.expire());
      }
    }
  },
  slow(simulation, item) {
    for (const link of linksOf(simulation, item)) link.slow(simulation.world.now + item.time);
  },
  still(simulation, item) {
    for (const link of linksOf(simulation, item)) link.standStill(item.direction, simulation.world.now + item.time);
  },
  pause: (simulation, { process, time, suspend }) => simulation.processes[process].pause(time, suspend),
  crash: (simulation, { process }) => simulation.replace(process),
  close: (simulation, { process }) => simulation.close(process),
  restart(simulation, { loss, time }) {
    const { server, world, checker, sets } = simulation;
    if (!server.up) return;
    if (loss > 0) checker.lost(world.now - loss);
    server.restart(loss, 5 + time / 2);
    if (loss > 0) sets.forgotten(LOSS_SHADOW);
  },
  flush: ({ server }) => server.flush(),
  scripts: ({ server }) => server.scripts.clear(),
  lose: ({ server }, { key }) => server.lose(`sim:e:${key}`),
  marker: ({ server }, { marker }) => server.lose(`sim:m:${marker}`),
  foreign({ server, world }, { key, suspend, marker }) {
    world.foreign = true;
    const name = suspend ? `sim:m:${marker}` : `sim:e:${key}`;
    server.replace(
      name,
      suspend
        ? { value: '', until: Number.POSITIVE_INFINITY, foreign: true }
        : { value: 'short', until: Number.POSITIVE_INFINITY },
    );
  },
  /** Of the process or of Redis. */
  jump({ server, processes }, { process, offset, suspend }) {
    if (suspend) server.clockOffset += offset;
    else processes[process].time.offset += offset;
  },
};

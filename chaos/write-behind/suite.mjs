import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Servers } from '../lib/servers.mjs';
import { takeSnapshot } from '../lib/snapshot.mjs';
import { micros, sleep, until } from '../lib/time.mjs';
import { Checker } from './checker.mjs';
import { collect, endOfLogs } from './evidence.mjs';
import { History } from './history.mjs';
import { load } from './load.mjs';
import { boundOf, entitiesOf, planOf, WRITE_BEHIND } from './plan.mjs';
import { readRecords } from './record.mjs';
import { makeTables } from './schema.mjs';
import { Stage } from './stage.mjs';
import { Watch } from './watch.mjs';

const [WRITERS, WORKERS] = [3, 3];
const DRAIN_MS = 90_000;

/** Durable write-behind: processes and servers are killed, stopped and cut off, and no acknowledged write may be lost. */
export class WriteBehindSuite {
  /** @type {Map<string, number>} */
  faults = new Map();
  /** @type {import('./checker.mjs').Violation[]} */
  violations = [];
  figures = {
    acknowledged: 0,
    unknown: 0,
    refused: 0,
    rows: 0,
    drain: 0,
    dirty: 0,
    delay: 0,
    reads: 0,
    letters: 0,
    memory: 0,
  };
  #cleanUp = [];

  /**
   * @param {{ seed: number, quick: boolean, seconds?: number, faults?: string[], break?: string }} options
   * @param {(line: string) => void} say
   */
  constructor(options, say) {
    this.options = options;
    this.say = say;
    this.entities = entitiesOf(options.seed);
  }

  async run() {
    this.snapshot = await takeSnapshot(this.say, { prisma: true });
    this.#cleanUp.push(() => this.snapshot.remove());
    this.servers = await Servers.make(this.say);
    this.#cleanUp.push(() => this.servers.end({ keep: this.violations.length > 0 }));
    this.shardOf = (await import(pathToFileURL(join(this.snapshot.dist, 'write-behind/shard-of.js')).href)).shardOf;
    await Promise.all([this.servers.start('postgres'), this.servers.start('redis')]);
    await makeTables(this.servers);
    for (const round of planOf(this.options)) await this.#round(round);
    if (this.violations.length > 0) this.say(`Logs and records are in ${this.servers.folder}`);
  }

  /** Ends all processes; may be called more than once. */
  async end() {
    for (const step of this.#cleanUp.splice(0).reverse()) await step();
  }

  async #round(round) {
    this.say(`Round ${round.name}: ${round.faults.length} faults, appendfsync ${round.appendfsync}`);
    await this.servers.setAppendfsync(round.appendfsync);
    const writeBehind = { ...WRITE_BEHIND, entities: this.entities, ...round.writeBehind };
    const { dist, client } = this.snapshot;
    const { databaseUrl, redisUrl } = this.servers;
    const { seed, pool, postgresAway } = round;
    const settings = {
      round: round.name,
      namespace: `chaos-${round.name}`,
      writeBehind,
      dist,
      client,
      databaseUrl,
      redisUrl,
      seed,
      pool,
      postgresAway,
    };
    const stage = new Stage(this.servers, { ...settings, break: this.options.break }, this.shardOf);
    this.#cleanUp.push(() => stage.close());
    const from = await endOfLogs(this.servers);
    const watch = new Watch(stage, boundOf(writeBehind));
    try {
      await stage.open(round.writers ?? WRITERS, round.workers ?? WORKERS);
      watch.start();
      const count = (title) => this.faults.set(title, (this.faults.get(title) ?? 0) + 1);
      await load(stage, round, { say: (line) => this.say(`  ${line}`), count });
      await this.#quiesce(stage);
      await watch.stop();
      await this.#check(stage, round, watch, from);
    } finally {
      await watch.stop();
      await stage.close();
    }
  }

  /** No faults any more: everything has to reach Postgres by itself. */
  async #quiesce(stage) {
    const begin = performance.now();
    const drained = await until(
      () =>
        stage.view.dirtyKeys().then(
          (keys) => keys === 0,
          () => false,
        ),
      DRAIN_MS,
    );
    if (!drained) return;
    this.figures.drain = Math.max(this.figures.drain, performance.now() - begin);
    for (const entity of Object.keys(this.entities)) await stage.control.call('flush', entity, 10_000);
    await sleep(WRITE_BEHIND.cacheTtl / 2);
  }

  async #check(stage, round, watch, from) {
    const quietSince = micros();
    const folder = join(this.servers.folder, 'history');
    const keys = [...new History(readRecords(folder), stage.ends).keys.keys()];
    for (const entity of Object.keys(this.entities)) {
      const ids = keys.filter((key) => key.startsWith(`${entity}/`)).map((key) => key.slice(entity.length + 1));
      for (let i = 0; i < ids.length; i += 100)
        await stage.control.call('act', 'getMany', entity, ids.slice(i, i + 100));
    }
    const evidence = await collect(stage, `${round.name}-`, from);
    const history = new History(readRecords(folder), stage.ends);
    const bound = boundOf(stage.settings.writeBehind);
    const world = { bound, quietSince, calm: (a, b) => stage.calm(a, b), shardOf: stage.shardOf };
    const checker = new Checker(history, evidence, world);
    const found = [...watch.violations, ...checker.run(), ...stage.surprises.map((text) => ({ rule: 0, text }))];
    this.violations.push(...found.map((violation) => ({ ...violation, round: round.name })));
    this.#count(history, evidence, watch, checker);
    if (found.length > 0) return;
    await rm(folder, { recursive: true });
    await mkdir(folder);
  }

  #count(history, evidence, watch, checker) {
    const { figures } = this;
    figures.acknowledged += history.count('ok');
    figures.unknown += history.count('unknown');
    figures.refused += history.count('no');
    figures.rows += evidence.rowLog.length;
    figures.letters += evidence.letters.size;
    for (const { reads } of history.keys.values()) figures.reads += reads.length;
    figures.dirty = Math.max(figures.dirty, watch.longestDirty);
    figures.delay = Math.max(figures.delay, checker.longestDelay);
    figures.memory = Math.max(figures.memory, watch.mostMemory);
  }
}

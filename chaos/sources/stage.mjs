import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { applyMigrations } from '../../prisma/apply-migrations.mjs';
import { loadCatalogue } from '../../prisma/seed.mjs';
import { startStorefront } from '../../scripts/demo/storefront.mjs';
import { TcpProxy } from '../../scripts/demo/tcp-proxy.mjs';
import { execute } from './execute.mjs';

/** Products are fresh for so long: they have to be loaded again and again. Milliseconds. */
const TTL = 400;

/** The storefront, its databases, and what stands before them. */
export class Stage {
  /** @type {string[]} */
  surprises = [];

  /** @param {import('../lib/servers.mjs').Servers} servers @param {string | undefined} mistake */
  constructor(servers, mistake) {
    this.servers = servers;
    this.mistake = mistake;
    this.snapshot = join(servers.folder, 'catalogue.json');
  }

  async open() {
    const { databaseUrl, redisUrl } = this.servers;
    await applyMigrations(databaseUrl);
    await loadCatalogue(databaseUrl);
    await execute('prisma/snapshot.mjs', this.snapshot);
    this.primary = await TcpProxy.start(databaseUrl);
    this.replica = await TcpProxy.start(databaseUrl);
    const options = this.mistake && `--import ${new URL('./breaks.mjs', import.meta.url).href}`;
    const settings = {
      DATABASE_URL: this.primary.url,
      DATABASE_REPLICA_URL: this.replica.url,
      CATALOGUE_SNAPSHOT: this.snapshot,
      CATALOGUE_TTL: `${TTL}`,
      REDIS_URL: redisUrl,
      STRATA_CACHE: 'on',
      PORT: '0',
      ...(options && {
        NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${options}`,
        STRATA_CHAOS_BREAK: this.mistake,
      }),
    };
    const log = createWriteStream(join(this.servers.folder, 'logs', 'storefront.log'));
    this.shop = await startStorefront(settings, (chunk) => log.write(chunk));
    this.closing = false;
    this.shop.ended.then(() => !this.closing && this.surprises.push('the storefront ended by itself'));
    this.origin = this.shop.origin;
  }

  /** @param {{ primary?: import('../../scripts/demo/tcp-proxy.mjs').Behaviour, replica?: import('../../scripts/demo/tcp-proxy.mjs').Behaviour }} behaviours */
  become({ primary, replica }) {
    if (primary) this.primary.become(primary);
    if (replica) this.replica.become(replica);
  }

  /** Tries that have reached the primary, as connections or as requests. */
  reached() {
    return this.primary.connections + this.primary.requests;
  }

  async close() {
    this.closing = true;
    await this.shop?.stop();
    await this.primary?.stop();
    await this.replica?.stop();
  }
}

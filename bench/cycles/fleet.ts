import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { migrate } from '../../activities/bookkeeping/migrations.js';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import { findFreePort } from '../../src/dev/stack/process/free-port.js';
import { findTemporalBinary } from '../../src/dev/stack/temporal/temporal-binary.js';
import { startTemporal } from '../../src/dev/stack/temporal/temporal-server.js';
import type { Side } from '../../src/model/failures.js';
import { SEARCH_ATTRIBUTES } from '../../src/model/wire.js';
import { loadConfig } from '../../src/config/load.js';
import type { Database } from '../../src/postgres/session.js';
import { connectTemporal, type TemporalClient } from '../../src/temporal/connection.js';
import { startSite } from '../../src/temporal/start-site.js';
import { openDatabase } from '../open-database.js';
import { type Servers, sql } from '../servers.js';
import { NARROW } from '../upload/shapes.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TASK_QUEUE = 'meter-sync';
const CUSTOMER = 'customer';

/** Sites at work: a database each on one server, a customer's database that all share, one worker, one Temporal server. */
export interface Fleet {
  readonly siteIds: readonly string[];
  readonly temporal: TemporalClient;
  readonly workerPid: number;
  readonly temporalPid: number;
  /** Temporal's figures, as Prometheus reads them. */
  readonly readMetrics: () => Promise<string>;
  /** Cycles that have ended well since the start, of all sites, and those that have not. */
  readonly cycles: () => { readonly ended: number; readonly failed: number };
}

/** How the fleet works. */
interface FleetOptions {
  readonly sites: number;
  readonly intervalMs: number;
}

/** Runs `work` beside a fleet whose workflows have been started, and ends all of it afterwards. */
export async function withFleet(
  servers: Servers,
  { sites, intervalMs }: FleetOptions,
  work: (fleet: Fleet) => Promise<void>,
): Promise<void> {
  const siteIds = Array.from({ length: sites }, (_, at) => `site-${at + 1}`);
  await makeDatabases(servers, siteIds);
  const folder = await mkdtemp(join(tmpdir(), 'meter-sync-bench-'));
  const binary = await findTemporalBinary(process.env, (line) => console.error(line));
  const metricsPort = await findFreePort();
  const searchAttributes = Object.values(SEARCH_ATTRIBUTES);
  const server = await startTemporal({ binary, folder, keep: false, searchAttributes, metricsPort });
  const env = {
    TEMPORAL_ADDRESS: server.address,
    METER_SYNC_SITES_FILE: join(folder, 'sites.json'),
    POSTGRES_CLIENT_URL: servers.remote.url(CUSTOMER),
  };
  const entries = siteIds.map((site) => ({ site, POSTGRES_SYNC_URL: servers.local.url(site) }));
  await writeFile(env.METER_SYNC_SITES_FILE, JSON.stringify(entries), { mode: 0o600 });
  const worker = startWorker(env);
  const { temporal: access } = loadConfig({ env: { ...env, METER_SYNC_SITE: siteIds[0] ?? '' } });
  const temporal = await connectTemporal(access);
  try {
    for (const siteId of siteIds) {
      await startSite(temporal, { siteId, taskQueue: TASK_QUEUE, intervalMs, batchRows: 50_000 });
    }
    await work({
      siteIds,
      temporal,
      workerPid: worker.child.pid ?? 0,
      temporalPid: server.process.identify()?.pid ?? 0,
      readMetrics: async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
      cycles: worker.cycles,
    });
  } finally {
    worker.child.kill('SIGKILL');
    await once(worker.child, 'exit');
    await temporal.close();
    await server.process.stop();
    await rm(folder, { recursive: true });
  }
}

/** A hundred meters and three tenants are what a site has. */
const MASTER_DATA = `
  create table tenant (id bigint primary key, name text not null, active boolean not null default true);
  create table meter (id bigint primary key, tenant_id bigint references tenant, name text not null, serial text,
    unit text, multiplier numeric(12,4), installed_at timestamptz, active boolean not null default true)`;
const FILL = `
  insert into tenant select n, 'tenant ' || n from generate_series(1, 3) as n;
  insert into meter select n, n % 3 + 1, 'meter ' || n, md5(n::text), 'kWh', n / 7.0, '2026-01-01'::timestamptz + n * interval '1 hour'
  from generate_series(1, 100) as n`;

async function makeDatabases({ local, remote }: Servers, siteIds: readonly string[]): Promise<void> {
  const make = async (side: Side, url: (database: string) => string, name: string): Promise<void> => {
    await sql(url('bench'), `create database "${name}"`);
    await sql(url(name), `${NARROW.table(side)}; ${MASTER_DATA}`);
    await withDatabase(openDatabase(side, url(name)), migrate);
  };
  const [first = '', ...others] = siteIds;
  await make('local', local.url, first);
  await make('remote', remote.url, CUSTOMER);
  await sql(remote.url(CUSTOMER), FILL);
  for (const name of others) await sql(local.url('bench'), `create database "${name}" template "${first}"`);
  for (const name of siteIds) {
    await withDatabase(openDatabase('local', local.url(name)), (database) => ensureSiteKey(database, name));
  }
}

async function withDatabase(database: Database, work: (database: Database) => Promise<unknown>): Promise<void> {
  await work(database);
  await database.pool.end();
}

/** Its log is counted, and told where a line is of trouble. */
function startWorker(env: Readonly<Record<string, string>>): { child: ChildProcess; cycles: Fleet['cycles'] } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'worker'], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], METER_SYNC_LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const seen = { ended: 0, failed: 0 };
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (line.includes('"cycle completed"')) seen.ended += 1;
      if (line.includes('"cycle failed"')) seen.failed += 1;
      if (/"level":"(warn|error)"/.test(line)) console.error(line);
    });
  }
  return { child, cycles: () => ({ ...seen }) };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import pg from 'pg';
import type { Status } from '../../src/model/status.js';
import { toSiteTaskQueue, toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { COMMAND_LINE } from '../support/program.js';
import { until } from '../support/wait.js';

/** A site with its two databases, ready for `meter-sync worker`, and what is done to it. */
interface Ordeal {
  readonly siteId: string;
  readonly temporalAddress: string;
  readonly local: OrdealDatabase;
  readonly remote: OrdealDatabase;
  readonly kills: number;
  readonly readingsPerSecond: number;
  /** Hears of each step. */
  readonly tell: (line: string) => void;
}

/** Connection URLs of a database: the worker's, whose role has the least rights, and its administrator's. */
export interface OrdealDatabase {
  readonly url: string;
  readonly admin: { readonly url: string };
}

/** What was found at the end, by comparing every reading with what the generator noted of it. */
interface Custody {
  readonly generated: number;
  readonly remote: number;
  readonly local: number;
  /** Generated, and at neither end. */
  readonly lost: number;
  /** At both ends, or on the remote with other content than was generated, or never generated at all. */
  readonly doubled: number;
  readonly kills: number;
  readonly cycles: number;
}

const INTERVAL_MS = 1_000;
/** A worker that was killed is missed after its heartbeat timeout (10 s) and the first retry (2 s). */
const RECOVERY_MS = 60_000;

/**
 * Lets readings arrive without pause, kills the site's worker with -9 again and again while a batch is likely under way,
 * lets the last one drain the queue, and compares.
 */
export async function killWorkers(ordeal: Ordeal): Promise<Custody> {
  const local = new pg.Pool({ connectionString: ordeal.local.admin.url, max: 3 });
  const remote = new pg.Pool({ connectionString: ordeal.remote.admin.url, max: 2 });
  const connection = await Connection.connect({ address: ordeal.temporalAddress });
  const workers: ChildProcess[] = [];
  try {
    await local.query(
      `create schema oracle; create table oracle.generated (id uuid primary key, content text not null)`,
    );
    await remote.query(
      `insert into tenant (id, name) values (1, 'ordeal'); insert into meter (id, name, tenant_id) values (1, 'ordeal', 1)`,
    );
    const handle = await startSite(ordeal, connection);
    const generator = generate(local, ordeal.readingsPerSecond);
    for (let kill = 1; kill <= ordeal.kills; kill++) await killOnce(kill, ordeal, remote, workers);
    await generator.stop();
    workers.push(startWorker(ordeal));
    const cycles = await drain(handle, local, ordeal);
    return { ...(await compare(local, remote)), kills: ordeal.kills, cycles };
  } finally {
    workers.forEach((worker) => worker.kill('SIGKILL'));
    await Promise.all([local.end(), remote.end(), connection.close()]);
  }
}

async function startSite({ siteId }: Ordeal, connection: Connection): Promise<WorkflowHandle> {
  const client = new Client({ connection });
  const workflowId = toWorkflowId(siteId);
  const args = [{ siteId, intervalMs: INTERVAL_MS, batchRows: 500 }];
  await client.workflow.start(WORKFLOW_TYPE, { workflowId, taskQueue: toSiteTaskQueue(siteId), args });
  return client.workflow.getHandle(workflowId);
}

/** The moment of the kill is random, but after readings have moved: a worker that never worked proves nothing. */
async function killOnce(kill: number, ordeal: Ordeal, remote: pg.Pool, workers: ChildProcess[]): Promise<void> {
  const before = await count(remote, 'meter_readings');
  const worker = startWorker(ordeal);
  workers.push(worker);
  const moved = async (): Promise<boolean> => (await count(remote, 'meter_readings')) > before;
  await until(moved, { what: `worker ${kill} moves readings`, timeoutMs: RECOVERY_MS, everyMs: 10 });
  const killAt = Date.now() + Math.random() * 2 * INTERVAL_MS;
  await until(() => Date.now() >= killAt, { what: 'the moment of the kill', everyMs: 5 });
  const exited = once(worker, 'exit');
  worker.kill('SIGKILL');
  await exited;
  const now = await count(remote, 'meter_readings');
  ordeal.tell(`kill ${kill}: ${now - before} readings moved by this worker, ${now} on the remote`);
}

function startWorker({ siteId, temporalAddress, local, remote }: Ordeal): ChildProcess {
  const env = {
    ...process.env,
    METER_SYNC_SITE: siteId,
    TEMPORAL_ADDRESS: temporalAddress,
    POSTGRES_SYNC_URL: local.url,
    POSTGRES_CLIENT_URL: remote.url,
    METER_SYNC_LOG_LEVEL: 'error',
  };
  return spawn(process.execPath, [COMMAND_LINE, 'worker'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Readings in small transactions, several a second, each noted beside the queue in the transaction that makes it. */
export function generate(local: pg.Pool, readingsPerSecond: number): { stop: () => Promise<void> } {
  const EVERY_MS = 50;
  let stopped = false;
  const startedAt = Date.now();
  let generated = 0;
  const insert = `
    with made as (
      insert into meter_readings (id, meter_id, created_at, consumption_hi, demand, day_night)
      select gen_random_uuid(), 1, clock_timestamp() - random() * interval '1 hour', random()::numeric(20, 12), n, md5(n::text)
      from generate_series(1, $1::integer) as n
      returning *)
    insert into oracle.generated
    select id, ${CONTENT} from made`;
  const work = (async () => {
    while (!stopped) {
      const due = Math.floor(((Date.now() - startedAt) / 1000) * readingsPerSecond) - generated;
      if (due > 0) await local.query(insert, [due]);
      generated += Math.max(0, due);
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  })();
  return { stop: () => ((stopped = true), work) };
}

const CONTENT = `md5(concat_ws('|', meter_id, created_at at time zone 'UTC', consumption_hi, demand, day_night))`;

async function drain(handle: WorkflowHandle, local: pg.Pool, { tell }: Ordeal): Promise<number> {
  const empty = async (): Promise<boolean> => (await count(local, 'meter_readings')) === 0;
  await until(empty, { what: 'the queue is empty', timeoutMs: RECOVERY_MS, everyMs: 200 });
  await handle.signal('stop');
  const final = (await handle.result()) as Status;
  tell(`drained and stopped after ${final.cycles} cycles`);
  return final.cycles;
}

export async function compare(local: pg.Pool, remote: pg.Pool): Promise<Omit<Custody, 'kills' | 'cycles'>> {
  const generated = await contents(local, 'select id, content from oracle.generated');
  const here = await contents(local, `select id, ${CONTENT} as content from meter_readings`);
  const there = await contents(remote, `select id, ${CONTENT} as content from meter_readings`);
  const lost = [...generated.keys()].filter((id) => !here.has(id) && !there.has(id)).length;
  const doubled = [...there].filter(([id, content]) => here.has(id) || generated.get(id) !== content).length;
  return { generated: generated.size, remote: there.size, local: here.size, lost, doubled };
}

async function contents(pool: pg.Pool, text: string): Promise<Map<string, string>> {
  const { rows } = await pool.query<{ id: string; content: string }>(text);
  return new Map(rows.map(({ id, content }) => [id, content]));
}

async function count(pool: pg.Pool, table: string): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(`select count(*) from ${table}`);
  return Number(rows[0]?.count);
}

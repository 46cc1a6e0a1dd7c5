import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import pg from 'pg';
import { sampleSchema } from '../../src/dev/sample/schema.js';
import { startStack } from '../../src/dev/stack/stack.js';
import type { Side } from '../../src/model/failures.js';
import { SHARED_TASK_QUEUE, toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { prepareBookkeeping } from '../support/bookkeeping.js';
import { COMMAND_LINE } from '../support/program.js';
import { asWorker, grantOnSample, makeWorker } from '../support/rights.js';
import { until } from '../support/wait.js';
import { compare, generate } from './killed-workers.js';
import { createChance } from './lab/random.js';

/**
 * `npm run lab:soak -- [--minutes 20] [--seed N]`: two sites of one worker, cycles of one second; signals, queries and updates in random order,
 * workers that come and go. Exit code 1 on a workflow task that failed, a reading that was lost or doubled, or a query without an answer.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
  },
});
const chance = createChance(Number(values.seed));
const SITES = ['soak-a', 'soak-b'] as const;
const READINGS_PER_SECOND = 50;
const ANSWER_WITHIN_MS = 60_000;
/** `temporal.api.enums.v1.WorkflowTaskFailedCause` UNHANDLED_COMMAND: a run wanted to end, and is handed the messages that arrived meanwhile. */
const MESSAGE_CAME_FIRST = 1;
/** A task that was handed to a worker which has just been killed is lost until then. */
const TASK_TIMEOUT_MS = 2_000;
/** More would be a test of Temporal's limits. */
const MAX_UNANSWERED = 20;

const tell = (line: string): void => void process.stderr.write(`${line}\n`);
const stack = await startStack({ env: process.env, tell });
const pools: pg.Pool[] = [];
let worker: ChildProcess | null = null;

/** A database of a site, with the least rights for the worker. */
async function prepare(serverUrl: string, side: Side, site: string): Promise<{ pool: pg.Pool; url: string }> {
  const server = new pg.Pool({ connectionString: serverUrl, max: 1 });
  await server.query(`create database "${site}"`);
  await server.end();
  const url = Object.assign(new URL(serverUrl), { pathname: `/${site}` }).href;
  const pool = new pg.Pool({ connectionString: url, max: 3 });
  pool.on('error', () => undefined); // the last words of a server that ends
  pools.push(pool);
  await pool.query(
    `${makeWorker(decodeURIComponent(new URL(url).password))}; ${sampleSchema(side)}; ${grantOnSample(side)}`,
  );
  await prepareBookkeeping({ side, pool }, [site]);
  if (side === 'local')
    await pool.query(
      'create schema oracle; create table oracle.generated (id uuid primary key, content text not null)',
    );
  else
    await pool.query(
      `insert into tenant (id, name) values (1, 't'); insert into meter (id, name, tenant_id) values (1, 'm', 1)`,
    );
  return { pool, url: asWorker(url) };
}

function startWorker(sitesFile: string): ChildProcess {
  const env = {
    ...process.env,
    METER_SYNC_SITES_FILE: sitesFile,
    TEMPORAL_ADDRESS: stack.temporalAddress,
    METER_SYNC_LOG_LEVEL: 'error',
    METER_SYNC_SHUTDOWN_SECONDS: '5',
  };
  return spawn(process.execPath, [COMMAND_LINE, 'worker'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

async function endWorker(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (worker === null) return;
  const exited = once(worker, 'exit');
  worker.kill(signal);
  await exited;
  worker = null;
}

/** What there is to know of a site that does not go on: stuck, paused, or slow. */
async function explain(handle: WorkflowHandle): Promise<void> {
  await describe(handle).catch((error: unknown) => tell(`no description: ${String(error)}`));
}

async function describe(handle: WorkflowHandle): Promise<void> {
  const { raw } = await handle.describe();
  const { pendingActivities, pendingWorkflowTask } = raw;
  tell(JSON.stringify({ pendingActivities, pendingWorkflowTask }, null, 1));
  const status = await handle.query('getStatus').catch((error: unknown) => String(error));
  tell(JSON.stringify(status, null, 1));
  const { events } = await handle.fetchHistory();
  const kept = (events ?? []).slice(-40).map((event) => JSON.stringify(event).slice(0, 600));
  tell(kept.join('\n'));
}

try {
  const ends = await Promise.all(
    SITES.map(async (site) => ({
      site,
      local: await prepare(stack.local, 'local', site),
      remote: await prepare(stack.remote, 'remote', site),
    })),
  );
  const sitesFile = join(stack.folder, 'sites.json');
  const entries = ends.map(({ site, local, remote }) => ({
    site,
    POSTGRES_SYNC_URL: local.url,
    POSTGRES_CLIENT_URL: remote.url,
  }));
  await writeFile(sitesFile, JSON.stringify(entries), { mode: 0o600 });
  const connection = await Connection.connect({ address: stack.temporalAddress });
  const client = new Client({ connection });
  const handles = SITES.map((site) => client.workflow.getHandle(toWorkflowId(site)));
  for (const siteId of SITES) {
    const args = [{ siteId, intervalMs: 1_000, batchRows: 500 }];
    await client.workflow.start(WORKFLOW_TYPE, {
      workflowId: toWorkflowId(siteId),
      taskQueue: SHARED_TASK_QUEUE,
      args,
      workflowTaskTimeout: TASK_TIMEOUT_MS,
    });
  }
  worker = startWorker(sitesFile);
  const generators = ends.map(({ local }) => generate(local.pool, READINGS_PER_SECOND));
  const unanswered: string[] = [];
  const count: Record<string, number> = {};
  const pending = new Set<Promise<unknown>>();
  /** Asked again until it is answered: a worker that goes takes with it what it was asked. */
  const ask = (name: string, at: number, call: () => Promise<unknown>): Promise<unknown> => {
    count[name] = (count[name] ?? 0) + 1;
    const answer = until(async () => (await client.withDeadline(Date.now() + 10_000, call), true), {
      what: name,
      timeoutMs: ANSWER_WITHIN_MS,
      everyMs: 200,
    })
      .catch(async (error: unknown) => {
        unanswered.push(`${name}: ${String((error as Error).cause ?? error)}`);
        tell(`no answer to ${name} of ${SITES[at]} within ${ANSWER_WITHIN_MS / 1_000} s`);
        if (unanswered.length === 1) await explain(handles[at]!);
      })
      .finally(() => pending.delete(answer));
    pending.add(answer);
    return answer;
  };
  const messages = [
    ['getStatus', (at: number) => handles[at]!.query('getStatus')],
    ['getStatus', (at: number) => handles[at]!.query('getStatus')],
    ['pause', (at: number) => handles[at]!.signal('pause')],
    ['resume', (at: number) => handles[at]!.signal('resume')],
    ['syncNow', (at: number) => handles[at]!.signal('syncNow')],
    ['refreshStatus', (at: number) => handles[at]!.executeUpdate('refreshStatus')],
    [
      'configure',
      (at: number) => handles[at]!.executeUpdate('configure', { args: [{ batchRows: 100 + chance.int(900) }] }),
    ],
  ] as const;
  const endsAt = Date.now() + Number(values.minutes) * 60_000;
  tell(`soak: seed ${values.seed}, ${values.minutes} minutes`);
  let endsWorkerAt = Infinity;
  /** A worker that ends before it is ready answers nobody: on a busy machine none ever would. */
  const endOnceAnswered = (): void => {
    endsWorkerAt = Infinity;
    const answers = handles.map((handle, at) => ask('getStatus', at, () => handle.query('getStatus')));
    void Promise.all(answers).then(() => (endsWorkerAt = Date.now() + chance.int(8_000)));
  };
  endOnceAnswered();
  while (Date.now() < endsAt) {
    await pause(20 + chance.int(280));
    const [name, send] = messages[chance.int(messages.length)]!;
    const at = chance.int(SITES.length);
    if (pending.size < MAX_UNANSWERED) void ask(name, at, () => send(at));
    if (Date.now() < endsWorkerAt) continue;
    const signal = chance.int(2) === 0 ? 'SIGKILL' : 'SIGTERM';
    count[signal] = (count[signal] ?? 0) + 1;
    await endWorker(signal);
    for (let wait = chance.int(4); wait > 0; wait -= 1) {
      const asked = chance.int(SITES.length);
      void ask('getStatus', asked, () => handles[asked]!.query('getStatus'));
      await pause(chance.int(1_000));
    }
    worker = startWorker(sitesFile);
    endOnceAnswered();
  }
  await Promise.all(generators.map((generator) => generator.stop()));
  await Promise.all(pending);
  handles.forEach((handle, at) => void ask('resume', at, () => handle.signal('resume')));
  await Promise.all(pending);
  for (const [at, { site, local }] of ends.entries()) {
    const isEmpty = async (): Promise<boolean> =>
      (await local.pool.query('select from meter_readings limit 1')).rowCount === 0;
    await until(isEmpty, { what: `the queue of ${site} is empty`, timeoutMs: 180_000, everyMs: 200 }).catch(
      async (error: unknown) => {
        await explain(handles[at]!);
        throw error;
      },
    );
  }
  for (const handle of handles) await handle.signal('stop');
  for (const handle of handles) await handle.result();
  const failedTasks: string[] = [];
  let runs = 0;
  for (const site of SITES) {
    for await (const run of client.workflow.list({ query: `WorkflowId = '${toWorkflowId(site)}'` })) {
      runs += 1;
      const { events } = await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory();
      for (const { eventId, workflowTaskFailedEventAttributes: failed } of events ?? []) {
        if (failed && failed.cause !== MESSAGE_CAME_FIRST)
          failedTasks.push(
            `${site} ${run.runId} event ${String(eventId)}: cause ${failed.cause} ${failed.failure?.message ?? ''}`,
          );
      }
    }
  }
  const custody = await Promise.all(ends.map(({ local, remote }) => compare(local.pool, remote.pool)));
  const isSafe = custody.every(
    ({ generated, remote, local, lost, doubled }) => remote === generated && local + lost + doubled === 0,
  );
  process.stdout.write(
    `${JSON.stringify({ seed: Number(values.seed), messages: count, runs, failedTasks, unanswered, custody }, null, 1)}\n`,
  );
  process.exitCode = isSafe && failedTasks.length + unanswered.length === 0 ? 0 : 1;
  await connection.close();
} finally {
  await endWorker('SIGKILL');
  await Promise.all(pools.map((pool) => pool.end()));
  await stack.stop();
}

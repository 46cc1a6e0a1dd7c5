import { readFile } from 'node:fs/promises';
import { Worker } from '@temporalio/worker';
import { expect, inject, test, type TestContext } from 'vitest';
import { WORKER_NOT_READY } from '../../src/model/activations.js';
import type { Status } from '../../src/model/status.js';
import { toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { toStartAttributes } from '../../src/temporal/search-attributes.js';
import { aDownload, anUpload } from '../model/builders.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { aDoor, FakeActivities } from './fake-activities.js';

/** `METER_SYNC_RESTARTS=100` looks longer for a site that gets stuck. */
const ROUNDS = Number(process.env['METER_SYNC_RESTARTS'] ?? 25);
const INTERVAL_MS = 600;
/** The site also continues as new within the rounds. */
const CYCLES_PER_RUN = 4;
/** A task that was handed to a worker which has just gone is lost until then. */
const TASK_TIMEOUT_MS = 2_000;
/** Between two looks at a history. */
const OFTEN = { everyMs: 40, timeoutMs: 60_000 };

type History = Awaited<ReturnType<ReturnType<TestTemporal['client']['workflow']['getHandle']>['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

/** A site whose activities have a worker of their own: they end also while no worker runs the workflow. */
interface SiteApart extends TestTemporal {
  readonly fake: FakeActivities;
  /** The histories of its runs, the latest one last. */
  readonly histories: () => Promise<History[]>;
  /** How many events of a kind they hold. */
  readonly countOf: (kind: keyof HistoryEvent) => Promise<number>;
  readonly askStatus: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
}

async function openApart(context: TestContext): Promise<SiteApart> {
  const temporal = await connectTemporal(context);
  const { client, siteId, taskQueue } = temporal;
  const fake = new FakeActivities();
  const activityTaskQueue = `${taskQueue}:activities`;
  await temporal.startWorker({ taskQueue: activityTaskQueue, activities: { ...fake } });
  const workflowId = toWorkflowId(siteId);
  await client.workflow.start(WORKFLOW_TYPE, {
    workflowId,
    taskQueue,
    args: [{ siteId, activityTaskQueue, intervalMs: INTERVAL_MS, maxCyclesPerRun: CYCLES_PER_RUN }],
    workflowTaskTimeout: TASK_TIMEOUT_MS,
    typedSearchAttributes: toStartAttributes(siteId, null),
  });
  const handle = client.workflow.getHandle(workflowId);
  const histories = readRuns((runId) => client.workflow.getHandle(workflowId, runId).fetchHistory());
  return {
    ...temporal,
    fake,
    histories,
    countOf: async (kind) => eventsOf(await histories()).filter((event) => event[kind]).length,
    // a query whose worker was taken away is answered late or not at all: that it waits is what matters
    askStatus: () => handle.query<Status>('getStatus').catch(() => null),
    end: () => handle.terminate('the test has ended'),
  };
}

function eventsOf(histories: readonly History[]): HistoryEvent[] {
  return histories.flatMap(({ events }) => events ?? []);
}

/** Reads the histories of all runs of a workflow; one that another run continues has ended, and is read but once. */
function readRuns(read: (runId?: string) => Promise<History>): () => Promise<History[]> {
  const ended = new Map<string, History>();
  const readEnded = async (runId: string): Promise<History> => {
    const history = ended.get(runId) ?? (await read(runId));
    ended.set(runId, history);
    return history;
  };
  return async () => {
    const runs = [await read()];
    for (;;) {
      const before = runs[0]?.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
      if (!before) return runs;
      runs.unshift(await readEnded(before));
    }
  };
}

/** What ends while no worker runs the workflow, and how a history tells that it is under way and that it has ended. */
const PENDING = [
  { begun: 'timerStartedEventAttributes', ended: 'timerFiredEventAttributes' },
  { begun: 'activityTaskScheduledEventAttributes', ended: 'activityTaskCompletedEventAttributes' },
] as const;

/** Takes the worker away while a timer or an activity is under way, lets that end, and starts one while two queries wait. */
async function restart(site: SiteApart, worker: Awaited<ReturnType<TestTemporal['startWorker']>>, round: number) {
  const { begun, ended } = PENDING[round % 2 === 0 ? 0 : 1];
  const door = aDoor();
  if (round % 2 === 1) site.fake.upload = async () => (await door.opened, anUpload());
  /** How many have ended, seen in the very history in which one more is under way: it may end before the worker has gone. */
  const seenUnderWay = async (): Promise<{ readonly endedBefore: number } | null> => {
    const events = eventsOf(await site.histories());
    const last = events.filter((event) => !event.activityTaskStartedEventAttributes).at(-1);
    const isMeant = round % 2 === 0 || site.fake.called.at(-1) === 'uploadReadings';
    return last?.[begun] && isMeant ? { endedBefore: events.filter((event) => event[ended]).length } : null;
  };
  const { endedBefore } = await until(seenUnderWay, { what: `${begun} in round ${round}`, ...OFTEN });
  await worker.stop();
  const answers = [site.askStatus(), site.askStatus()];
  site.fake.upload = () => anUpload();
  door.open();
  await until(async () => (await site.countOf(ended)) > endedBefore, { what: `${ended} in round ${round}`, ...OFTEN });
  const cycles = site.fake.countOf('downloadTenants');
  const next = await site.startWorker();
  const hasCycled = (): boolean => site.fake.countOf('downloadTenants') > cycles;
  await until(hasCycled, { what: `a cycle after the restart of round ${round}`, ...OFTEN });
  await Promise.all(answers);
  return next;
}

test(
  'a site goes on, and its history can be replayed, when workers start while queries wait',
  { timeout: 60_000 + ROUNDS * 10_000 },
  async (context) => {
    const site = await openApart(context);
    let worker = await site.startWorker();
    for (let round = 0; round < ROUNDS; round++) worker = await restart(site, worker, round);
    expect(await site.countOf('workflowTaskFailedEventAttributes')).toBe(0);
    const workflowBundle = { codePath: inject('stack').bundlePath };
    const histories = await site.histories();
    expect(histories.length).toBeGreaterThan(ROUNDS / CYCLES_PER_RUN);
    for (const history of histories) {
      await Worker.runReplayHistory({ workflowBundle }, history, toWorkflowId(site.siteId));
    }
    await site.end();
  },
);

test('the workflow code that is built refuses events that no replay would see', async () => {
  expect(await readFile(inject('stack').bundlePath, 'utf8')).toContain(WORKER_NOT_READY);
});

/** Each costs some seconds; without `refuse-lone-events.ts` one round in ten ends in a history that cannot be replayed. */
const MESSAGE_ROUNDS = Math.ceil(ROUNDS / 4);

test(
  'a site is not stuck when queries, signals and updates wait together for a worker',
  { timeout: 60_000 + MESSAGE_ROUNDS * 30_000 },
  async (context) => {
    const site = await openApart(context);
    const handle = site.client.workflow.getHandle(toWorkflowId(site.siteId));
    let worker = await site.startWorker();
    for (let round = 0; round < MESSAGE_ROUNDS; round++) {
      const door = aDoor();
      const calls = site.fake.countOf('downloadMeters');
      site.fake.meters = async () => (await door.opened, aDownload());
      await until(() => site.fake.countOf('downloadMeters') > calls, { what: 'a download under way', ...OFTEN });
      await worker.stop();
      const answers: Promise<unknown>[] = [site.askStatus(), site.askStatus()];
      await handle.signal('pause');
      for (const batchRows of [100, 200]) {
        answers.push(handle.executeUpdate('configure', { args: [{ batchRows }] }));
      }
      await handle.signal('resume');
      worker = await site.startWorker();
      door.open();
      site.fake.meters = () => aDownload();
      await Promise.all(answers);
      const cycles = site.fake.countOf('downloadTenants');
      await until(() => site.fake.countOf('downloadTenants') > cycles, { what: `a cycle in round ${round}`, ...OFTEN });
    }
    expect(await site.countOf('workflowTaskFailedEventAttributes')).toBe(0);
    const workflowBundle = { codePath: inject('stack').bundlePath };
    for (const history of await site.histories()) {
      await Worker.runReplayHistory({ workflowBundle }, history, toWorkflowId(site.siteId));
    }
    await site.end();
  },
);

import { Worker } from '@temporalio/worker';
import { expect, inject, test, type TestContext } from 'vitest';
import type { Status } from '../../src/model/status.js';
import { toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { toStartAttributes } from '../../src/temporal/search-attributes.js';
import { anUpload } from '../model/builders.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { aDoor, FakeActivities } from './fake-activities.js';

/** `METER_SYNC_RESTARTS=100` looks longer for a site that gets stuck. */
const ROUNDS = Number(process.env['METER_SYNC_RESTARTS'] ?? 25);
const INTERVAL_MS = 600;
/** A task that was handed to a worker which has just gone is lost until then. */
const TASK_TIMEOUT_MS = 2_000;
/** Between two looks at a history. */
const OFTEN = { everyMs: 40, timeoutMs: 60_000 };

type History = Awaited<ReturnType<ReturnType<TestTemporal['client']['workflow']['getHandle']>['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

/** A site whose activities have a worker of their own: they end also while no worker runs the workflow. */
interface SiteApart extends TestTemporal {
  readonly fake: FakeActivities;
  readonly history: () => Promise<History>;
  /** How many events of a kind its history holds. */
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
    args: [{ siteId, activityTaskQueue, intervalMs: INTERVAL_MS }],
    workflowTaskTimeout: TASK_TIMEOUT_MS,
    typedSearchAttributes: toStartAttributes(siteId, null),
  });
  const handle = client.workflow.getHandle(workflowId);
  const history = (): Promise<History> => handle.fetchHistory();
  return {
    ...temporal,
    fake,
    history,
    countOf: async (kind) => ((await history()).events ?? []).filter((event) => event[kind]).length,
    // a query whose worker was taken away is answered late or not at all: that it waits is what matters
    askStatus: () => handle.query<Status>('getStatus').catch(() => null),
    end: () => handle.terminate('the test has ended'),
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
    const events = (await site.history()).events ?? [];
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
    await Worker.runReplayHistory({ workflowBundle }, await site.history(), toWorkflowId(site.siteId));
    await site.end();
  },
);

import { readFile } from 'node:fs/promises';
import { defaultPayloadConverter } from '@temporalio/common';
import { NativeConnection } from '@temporalio/worker';
import { expect, inject, test, type TestContext } from 'vitest';
import { toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { toStartAttributes } from '../../src/temporal/search-attributes.js';
import { anUpload } from '../model/builders.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { FakeActivities } from './fake-activities.js';

/** A task that was handed to a worker which has just gone is lost until then. */
const TASK_TIMEOUT_MS = 2_000;

/** The workflows of another version: this one's, with a piece of their code exchanged. */
async function bundleWith(piece: string, other: string): Promise<{ readonly code: string }> {
  const code = await readFile(inject('stack').bundlePath, 'utf8');
  if (!code.includes(piece)) throw new Error(`the bundle has no ${piece}`);
  return { code: code.replaceAll(piece, other) };
}

type History = Awaited<ReturnType<ReturnType<TestTemporal['client']['workflow']['getHandle']>['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

interface Site {
  readonly workflowId: string;
  readonly fake: FakeActivities;
  /** Of its latest run, and of those before it that it continues. */
  readonly readEvents: () => Promise<HistoryEvent[][]>;
}

async function start(context: TestContext, input: object): Promise<TestTemporal & Site> {
  const temporal = await connectTemporal(context);
  const { client, siteId, taskQueue } = temporal;
  const workflowId = toWorkflowId(siteId);
  const typedSearchAttributes = toStartAttributes(siteId, null);
  const args = [{ siteId, ...input }];
  const options = { workflowId, taskQueue, args, typedSearchAttributes, workflowTaskTimeout: TASK_TIMEOUT_MS };
  await client.workflow.start(WORKFLOW_TYPE, options);
  const readEvents = async (): Promise<HistoryEvent[][]> => {
    const runs: HistoryEvent[][] = [];
    let runId: string | undefined;
    do {
      const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      runs.unshift(events ?? []);
      runId = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
    } while (runId !== undefined);
    return runs;
  };
  return { ...temporal, workflowId, fake: new FakeActivities(), readEvents };
}

/** How often each task of the workflow was taken by whom. */
function countTasks(runs: readonly HistoryEvent[][]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { workflowTaskCompletedEventAttributes: completed } of runs.flat()) {
    if (completed) counts.set(completed.identity ?? '', (counts.get(completed.identity ?? '') ?? 0) + 1);
  }
  return counts;
}

test('workers of two versions serve one site side by side: no task fails, and what each has added is carried on', async (context) => {
  const site = await start(context, { intervalMs: 100, maxCyclesPerRun: 6 });
  const { client, workflowId, fake, startWorker } = site;
  let uploaded = 0;
  fake.upload = () => anUpload({ removed: 1, totalUploaded: (uploaded += 1) });
  // without a memory each task goes to whoever asks first, and so the history of one version is replayed by the other
  const options = { activities: { ...fake }, maxCachedWorkflows: 0 };
  await startWorker({ ...options, identity: 'of today' });
  const later = await bundleWith('cycles: state.cycles + 1', "colour: 'green', cycles: state.cycles + 1");
  const connection = await NativeConnection.connect({ address: site.address }); // one of a process takes one worker a task queue
  await startWorker({ ...options, connection, identity: 'of tomorrow', workflowBundle: later });
  const handle = client.workflow.getHandle(workflowId);
  await until(() => fake.countOf('downloadTenants') >= 36, { what: 'three dozen cycles', timeoutMs: 50_000 });
  const runs = await site.readEvents(); // before the stop, since a message may meet a run at its end, whose last task is then made again
  const failed = runs.flat().filter((event) => event.workflowTaskFailedEventAttributes);
  expect(failed).toEqual([]);
  await handle.signal('stop');
  const final = (await handle.result()) as { cycles: number; totalRecordsSynced: number };
  expect(final.totalRecordsSynced).toBe(uploaded);
  expect(final.cycles).toBe(fake.countOf('downloadTenants'));
  expect(runs.length).toBeGreaterThan(4);
  const counts = countTasks(runs);
  for (const identity of ['of today', 'of tomorrow']) expect(counts.get(identity)).toBeGreaterThan(20);
  const [payload] = runs.at(-1)?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  expect(payload && defaultPayloadConverter.fromPayload(payload)).toMatchObject({ state: { colour: 'green' } });
}, 90_000); // prettier-ignore

test('a worker that does not know the version of a state fails the task alone, and one that knows it takes the site up', async (context) => {
  const site = await start(context, { intervalMs: 100, maxCyclesPerRun: 2 });
  const { client, workflowId, fake, startWorker } = site;
  const later = await bundleWith('STATE_VERSION = 1;', 'STATE_VERSION = 2;');
  const ofTomorrow = await startWorker({ activities: { ...fake }, workflowBundle: later });
  await until(() => fake.countOf('downloadTenants') >= 5, { what: 'runs of another version' });
  await ofTomorrow.stop();
  const before = fake.countOf('downloadTenants');

  const ofToday = await startWorker({ activities: { ...fake } });
  const handle = client.workflow.getHandle(workflowId);
  const hasFailed = async (): Promise<boolean> =>
    (await site.readEvents()).flat().some((event) => event.workflowTaskFailedEventAttributes);
  await until(hasFailed, { what: 'a task has failed' });
  expect((await handle.describe()).status.name).toBe('RUNNING');
  await ofToday.stop();

  await startWorker({ activities: { ...fake }, workflowBundle: later });
  await until(() => fake.countOf('downloadTenants') > before + 3, { what: 'the site goes on', timeoutMs: 50_000 });
  await handle.terminate();
}, 90_000); // prettier-ignore

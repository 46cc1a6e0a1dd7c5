import type { WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import type { WorkerOptions } from '@temporalio/worker';
import type { TestContext } from 'vitest';
import type { SyncSchedulerInput } from '../../src/model/scheduler.js';
import type { Status } from '../../src/model/status.js';
import { toWorkflowId, WORKFLOW_TYPE } from '../../src/model/wire.js';
import { toStartAttributes } from '../../src/temporal/search-attributes.js';
import type { syncScheduler } from '../../workflows/sync-scheduler.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { FakeActivities } from './fake-activities.js';
import { recordHistory } from './histories.js';

/** A site whose scheduler runs on the real Temporal server, with activities that the test answers for. */
export interface SiteUnderTest {
  readonly siteId: string;
  readonly firstRunId: string;
  readonly fake: FakeActivities;
  readonly client: TestTemporal['client'];
  readonly handle: WorkflowHandle<typeof syncScheduler>;
  start(input: Partial<SyncSchedulerInput>): Promise<unknown>;
  status(): Promise<Status>;
  /** Waits until so many cycles have ended. */
  cycled(cycles: number): Promise<Status>;
  becomes(state: Status['state']): Promise<Status>;
}

/** Starts a scheduler and a worker for it, runs the test, and ends both. */
export async function withSite(
  context: Pick<TestContext, 'task'>,
  input: Partial<SyncSchedulerInput>,
  test: (site: SiteUnderTest) => Promise<void>,
  worker: Partial<WorkerOptions> = {},
): Promise<void> {
  const temporal = await connectTemporal(context);
  const fake = new FakeActivities();
  await temporal.startWorker({ activities: { ...fake }, ...worker });
  const site = await openSite(temporal, fake, input);
  await test(site)
    .then(() => recordRuns(site, context.task.name, temporal.address))
    .finally(() => endQuietly(site));
}

/** The first run, and the one that continues it: nearly every run in use begins with the state of another. */
async function recordRuns({ handle, firstRunId }: SiteUnderTest, title: string, address: string): Promise<void> {
  const { workflowId } = handle;
  const { runId } = await handle.describe();
  await recordHistory(title, { address, workflowId, runId: firstRunId });
  if (runId !== firstRunId) await recordHistory(`continued-${title}`, { address, workflowId, runId });
}

async function openSite(
  { client, siteId, taskQueue }: TestTemporal,
  fake: FakeActivities,
  input: Partial<SyncSchedulerInput>,
): Promise<SiteUnderTest> {
  const workflowId = toWorkflowId(siteId);
  const start = (
    changes: Partial<SyncSchedulerInput>,
  ): Promise<WorkflowHandleWithFirstExecutionRunId<typeof syncScheduler>> =>
    client.workflow.start<typeof syncScheduler>(WORKFLOW_TYPE, {
      workflowId,
      taskQueue,
      args: [{ siteId, ...changes }],
      typedSearchAttributes: toStartAttributes(siteId, null),
    });
  const { firstExecutionRunId } = await start(input);
  const handle = client.workflow.getHandle<typeof syncScheduler>(workflowId); // the latest run, not the first one
  const status = (): Promise<Status> => handle.query<Status>('getStatus');
  const statusWhen = async (isMet: (status: Status) => boolean, what: string): Promise<Status> => {
    let last = await status();
    await until(async () => isMet((last = await status())), { what });
    return last;
  };
  return {
    siteId,
    firstRunId: firstExecutionRunId,
    fake,
    client,
    handle,
    start,
    status,
    cycled: (cycles) => statusWhen((seen) => seen.cycles >= cycles, `cycle ${cycles} has ended`),
    becomes: (state) => statusWhen((seen) => seen.state === state, `the site is ${state}`),
  };
}

/** A workflow that has ended already, as some tests want it, cannot be terminated: that is no failure of the test. */
async function endQuietly({ handle }: SiteUnderTest): Promise<void> {
  const { status } = await handle.describe();
  if (status.name === 'RUNNING') await handle.terminate('the test has ended');
}

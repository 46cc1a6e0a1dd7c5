import { hostname } from 'node:os';
import { type InjectedSinks, Worker } from '@temporalio/worker';
import { HEARTBEAT_EVERY_MS } from '../../activities/current-attempt.js';
import type { ActivityDependencies } from '../../activities/dependencies.js';
import { createActivities } from '../../activities/index.js';
import type { SiteConfig } from '../config/read/read-site.js';
import type { WorkerEars } from '../model/told.js';
import type { WorkerConnection } from './connect-temporal.js';
import { toDrainTimes } from './drain.js';
import { type Hosts, listTaskQueues, toLimits } from './task-queues.js';
import { loadWorkflowBundle } from './workflow-bundle.js';

/** What workers of one process share. */
interface WorkerParts extends WorkerConnection, ActivityDependencies {
  readonly hosts: Hosts;
  /** What the workflows tell. */
  readonly ears: InjectedSinks<WorkerEars>;
}

/**
 * One Temporal worker for each task queue of the sites, all on one connection; none of them polls yet.
 * @throws Error the workflow bundle is missing
 */
export async function createWorkers(
  sites: readonly SiteConfig[],
  { connection, namespace, hosts, ears, ...dependencies }: WorkerParts,
): Promise<readonly Worker[]> {
  const activities = createActivities(dependencies);
  const workflowBundle = hosts === 'activities' ? undefined : await loadWorkflowBundle();
  const shared = {
    connection,
    namespace,
    sinks: ears,
    // seen in the Web UI, and as the last one that polled when none polls any more
    identity: `meter-sync@${hostname()}:${process.pid}`,
    maxHeartbeatThrottleInterval: HEARTBEAT_EVERY_MS,
    ...toDrainTimes(Math.max(...sites.map(({ shutdownMs }) => shutdownMs))),
  };
  return Promise.all(
    listTaskQueues(sites, hosts).map((queue) =>
      Worker.create({
        ...shared,
        taskQueue: queue.taskQueue,
        ...(queue.workflows && workflowBundle !== undefined ? { workflowBundle } : {}),
        ...(queue.activities ? { activities } : {}),
        ...toLimits(queue),
      }),
    ),
  );
}

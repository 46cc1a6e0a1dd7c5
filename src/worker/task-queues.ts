import type { WorkerOptions } from '@temporalio/worker';
import type { SiteConfig } from '../config/read/read-site.js';

/** What a worker process runs: a site's own machine may leave the workflows to a central one, and the other way round. */
export type Hosts = 'both' | 'workflows' | 'activities';

/** A task queue that this process polls, and for what. */
interface HostedQueue {
  readonly taskQueue: string;
  readonly workflows: boolean;
  readonly activities: boolean;
  /** Sites that share the queue. */
  readonly sites: number;
}

/** The task queues of these sites, each once. */
export function listTaskQueues(
  sites: readonly Pick<SiteConfig, 'taskQueue' | 'activityTaskQueue'>[],
  hosts: Hosts = 'both',
): readonly HostedQueue[] {
  const names = new Set(sites.flatMap(({ taskQueue, activityTaskQueue }) => [taskQueue, activityTaskQueue]));
  return [...names].flatMap((name) => {
    const workflows = hosts !== 'activities' && sites.some(({ taskQueue }) => taskQueue === name);
    const activities = hosts !== 'workflows' && sites.some(({ activityTaskQueue }) => activityTaskQueue === name);
    const users = sites.filter((site) => site.taskQueue === name || site.activityTaskQueue === name);
    return workflows || activities ? [{ taskQueue: name, workflows, activities, sites: users.length }] : [];
  });
}

/** An upload, a download and a probe can be under way at once for a site; the rest wait in Temporal. */
const ACTIVITIES_OF_A_SITE = 3;
/** Beyond this a process is bound by its one thread, not by slots. */
const MAX_ACTIVITIES = 60;
const MAX_WORKFLOW_TASKS = 20;
/** A cached workflow costs memory; one that is not cached is replayed at its next task. */
const MAX_CACHED_WORKFLOWS = 600;

/**
 * Limits that fit the number of sites. The SDK's defaults hold twenty long polls open, for one site as for all: a cluster
 * with thousands of sites would feel that. `maxConcurrent...Polls` are ignored by version 1.24, so behaviours say it.
 */
export function toLimits({ sites, workflows, activities }: HostedQueue): Partial<WorkerOptions> {
  const polls = (atLeast: number): number => Math.min(10, Math.max(atLeast, Math.ceil(sites / 20)));
  return {
    ...(workflows && {
      maxConcurrentWorkflowTaskExecutions: Math.min(MAX_WORKFLOW_TASKS, sites + 3),
      maxCachedWorkflows: Math.min(MAX_CACHED_WORKFLOWS, sites + 9),
      workflowTaskPollerBehavior: { type: 'simple-maximum', maximum: polls(2) },
    }),
    ...(activities && {
      maxConcurrentActivityTaskExecutions: Math.min(MAX_ACTIVITIES, sites * ACTIVITIES_OF_A_SITE + 1),
      activityTaskPollerBehavior: { type: 'simple-maximum', maximum: polls(1) },
    }),
  };
}

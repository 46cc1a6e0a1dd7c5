import { expect, test } from 'vitest';
import { listTaskQueues, toLimits } from '../../src/worker/task-queues.js';

const alone = { taskQueue: 'meter-sync:north', activityTaskQueue: 'meter-sync:north' };

test('a site has one task queue for its workflow and its activities', () => {
  expect(listTaskQueues([alone])).toEqual([
    { taskQueue: 'meter-sync:north', workflows: true, activities: true, sites: 1 },
  ]);
});

test('sites that share a task queue share a worker', () => {
  const shared = { taskQueue: 'meter-sync', activityTaskQueue: 'meter-sync' };
  expect(listTaskQueues([shared, shared, shared])).toEqual([
    { taskQueue: 'meter-sync', workflows: true, activities: true, sites: 3 },
  ]);
});

test('workflows and activities may live on task queues of their own, in one process or in two', () => {
  const apart = { taskQueue: 'central', activityTaskQueue: 'meter-sync:north' };
  const central = { taskQueue: 'central', workflows: true, activities: false, sites: 1 };
  const site = { taskQueue: 'meter-sync:north', workflows: false, activities: true, sites: 1 };
  expect(listTaskQueues([apart])).toEqual([central, site]);
  expect(listTaskQueues([apart], 'workflows')).toEqual([central]);
  expect(listTaskQueues([apart], 'activities')).toEqual([site]);
});

test('a worker of one site holds three polls open, not twenty', () => {
  const [queue] = listTaskQueues([alone]);
  const limits = toLimits(queue!);
  expect(limits.workflowTaskPollerBehavior).toEqual({ type: 'simple-maximum', maximum: 2 });
  expect(limits.activityTaskPollerBehavior).toEqual({ type: 'simple-maximum', maximum: 1 });
});

test('limits grow with the number of sites, up to what one process can bear', () => {
  const shared = { taskQueue: 'meter-sync', activityTaskQueue: 'meter-sync' };
  const [queue] = listTaskQueues(Array.from({ length: 5_000 }, () => shared));
  expect(toLimits(queue!)).toMatchObject({
    maxConcurrentActivityTaskExecutions: 60,
    maxCachedWorkflows: 600,
    workflowTaskPollerBehavior: { maximum: 10 },
  });
});

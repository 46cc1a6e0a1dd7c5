import { expect, test } from 'vitest';

import { connectTemporal } from './temporal.js';

test('a test has a worker and a task queue of its own', async (context) => {
  const { client, taskQueue, startWorker } = await connectTemporal(context);
  const { worker, stop } = await startWorker({ activities: {} });

  expect(worker.getState()).toBe('RUNNING');
  expect((await client.workflowService.getSystemInfo({})).capabilities).toBeDefined();
  expect(taskQueue).toMatch(/^test:a-test-has-a-worker/);

  await stop();
  expect(worker.getState()).toBe('STOPPED');
});

import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';
import { readHistories } from './histories.js';
import '../support/context.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });

test('workflows that released versions began can go on with this one', async () => {
  const histories = await readHistories();
  expect(histories.length).toBeGreaterThanOrEqual(20);
  expect(histories.filter(({ name }) => name.includes('continued-')).length).toBeGreaterThanOrEqual(2);
  const workflowBundle = { codePath: inject('stack').bundlePath };
  for (const { name, history, workflowId } of histories) {
    await Worker.runReplayHistory({ workflowBundle, replayName: name }, history, workflowId).catch((cause: unknown) => {
      throw new Error(`the history ${name} does not replay: a running site would be stuck after an upgrade`, { cause });
    });
  }
});

test('a history replays by a clock that stands still: no command depends on what Date.now() says', async () => {
  const workflowBundle = { codePath: inject('stack').bundlePath };
  for (const { name, history, workflowId } of await readHistories()) {
    const still = stopClock(history);
    await Worker.runReplayHistory({ workflowBundle, replayName: name }, still, workflowId).catch((cause: unknown) => {
      throw new Error(`the history ${name} does not replay with another Date.now()`, { cause });
    });
  }
});

/** The same events, with workflow tasks that all begin when the workflow did: the time of a task is its `Date.now()`. */
function stopClock(history: unknown): unknown {
  const copy = structuredClone(history) as { events: { eventType: string; eventTime: string }[] };
  const startedAt = copy.events[0]?.eventTime ?? '';
  for (const event of copy.events) {
    if (event.eventType === 'EVENT_TYPE_WORKFLOW_TASK_STARTED') event.eventTime = startedAt;
  }
  return copy;
}

test('a history that does not fit the code is found', async () => {
  const [first] = await readHistories();
  const broken = JSON.parse(
    JSON.stringify(first?.history).replaceAll('uploadReadings', 'uploadSomethingElse'),
  ) as unknown;
  const workflowBundle = { codePath: inject('stack').bundlePath };
  await expect(Worker.runReplayHistory({ workflowBundle }, broken, first?.workflowId)).rejects.toThrow(
    DeterminismViolationError,
  );
});

import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { expect, inject, test } from 'vitest';
import { readHistories } from './histories.js';
import '../support/context.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });

test('workflows that released versions began can go on with this one', async () => {
  const histories = await readHistories();
  expect(histories.length).toBeGreaterThanOrEqual(6);
  const workflowBundle = { codePath: inject('stack').bundlePath };
  for (const { name, history, workflowId } of histories) {
    await Worker.runReplayHistory({ workflowBundle, replayName: name }, history, workflowId).catch((cause: unknown) => {
      throw new Error(`the history ${name} does not replay: a running site would be stuck after an upgrade`, { cause });
    });
  }
});

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

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { findTemporalBinary } from '../../src/dev/stack/temporal/temporal-binary.js';
import type { Status } from '../../src/model/status.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { FakeActivities } from '../workflows/fake-activities.js';

/** Temporal's own command line is written in Go and knows of us only the names of the wire contract. */
async function openSite(temporal: TestTemporal): Promise<(...words: string[]) => Promise<unknown>> {
  const { path } = await findTemporalBinary(process.env, (line) => process.stderr.write(`${line}\n`));
  return async (...words) => {
    const common = [
      '--address',
      temporal.address,
      '--workflow-id',
      `meter-sync:${temporal.siteId}`,
      '--output',
      'json',
    ];
    const { stdout } = await promisify(execFile)(path, ['workflow', ...words, ...common]);
    return stdout.trim() === '' ? undefined : (JSON.parse(stdout) as unknown);
  };
}

test('a client in another language starts, asks, signals, updates and ends a site', async (context) => {
  const temporal = await connectTemporal(context);
  const fake = new FakeActivities();
  await temporal.startWorker({ activities: { ...fake } });
  const workflow = await openSite(temporal);
  const getStatus = async (): Promise<Status> => {
    const answer = (await workflow('query', '--type', 'getStatus')) as { queryResult: Status[] };
    return answer.queryResult[0] as Status;
  };
  const becomes = (isMet: (status: Status) => boolean, what: string): Promise<unknown> =>
    until(async () => isMet(await getStatus()), { what, everyMs: 200 });

  const input = JSON.stringify({ siteId: temporal.siteId, intervalMs: 3_600_000 });
  await workflow('start', '--type', 'syncScheduler', '--task-queue', temporal.taskQueue, '--input', input);
  await becomes((status) => status.cycles === 1 && status.state === 'idle', 'the first cycle has ended');
  expect(Object.keys(await getStatus())).toHaveLength(38);

  await workflow('signal', '--name', 'pause');
  await becomes((status) => status.state === 'paused', 'it is paused');
  await workflow('signal', '--name', 'resume');
  await becomes((status) => status.cycles === 2, 'the resumed site has cycled');
  await workflow('signal', '--name', 'syncNow');
  await becomes((status) => status.cycles === 3, 'the cycle that was asked for has ended');

  await workflow('update', 'execute', '--name', 'configure', '--input', '{"intervalMs": 7200000}');
  expect((await getStatus()).intervalMs).toBe(7_200_000);
  await workflow('update', 'execute', '--name', 'refreshStatus');
  expect((await getStatus()).queueSize).toBe(7);

  await workflow('signal', '--name', 'stop');
  await becomes((status) => status.state === 'stopped', 'it has stopped');
});

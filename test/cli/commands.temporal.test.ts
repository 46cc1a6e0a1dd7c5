import { spawn } from 'node:child_process';
import { beforeEach, expect, test, type TestContext } from 'vitest';
import { createDatabases } from '../support/postgres.js';
import { COMMAND_LINE } from '../support/program.js';
import { connectTemporal, type TestTemporal } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { FakeActivities } from '../workflows/fake-activities.js';
import { type CliRun, runCli } from './run-cli.js';

let temporal: TestTemporal;
beforeEach(async (context: TestContext) => {
  temporal = await connectTemporal(context);
  return async () => {
    const { workflow } = temporal.client;
    await workflow
      .getHandle(`meter-sync:${temporal.siteId}`)
      .terminate()
      .catch(() => undefined); // most tests have ended it
  };
});

const cli = (...args: readonly string[]): Promise<CliRun> =>
  runCli([...args, '--site', temporal.siteId, '--json'], {
    TEMPORAL_ADDRESS: temporal.address,
    METER_SYNC_TASK_QUEUE: temporal.taskQueue,
    METER_SYNC_INTERVAL_SECONDS: '3600',
  });

test('a site is started, asked, paused, resumed, configured and stopped from the command line', async () => {
  await temporal.startWorker({ activities: { ...new FakeActivities() } });
  const { siteId } = temporal;
  expect((await cli('start')).json()).toMatchObject({ ok: true, siteId, workflowId: `meter-sync:${siteId}` });

  const again = await cli('start');
  expect(again.exitCode).toBe(1);
  expect(again.json()).toMatchObject({ error: { code: 'alreadyRunning', workflowId: `meter-sync:${siteId}` } });
  expect((again.json() as { error: { since: string } }).error.since).toMatch(/^\d{4}-.*Z$/);

  expect((await cli('sync-now', '--wait')).json()).toMatchObject({ ok: true, status: { lastSyncSuccess: true } });
  expect((await cli('pause')).json()).toMatchObject({ ok: true, signal: 'pause', workerPolling: true });
  const paused = await cli('status');
  expect(paused.exitCode).toBe(1);
  const verdict = { verdict: 'paused', next: `meter-sync resume --site ${siteId}` };
  const workers = [{ lastSeenAt: expect.any(String) as unknown }];
  expect(paused.json()).toMatchObject({ siteId, state: 'paused', intervalMs: 3_600_000, verdict, workers });
  expect(await cli('status', '--probe')).toMatchObject({ exitCode: 1 });
  const checked = JSON.stringify((await cli('check')).json());
  expect(checked).toContain('"level":"error","area":"site","message":"paused: the sync is paused');
  expect(checked).toContain(`a worker polls ${temporal.taskQueue} for activities`);
  const elsewhere = await runCli(['check', '--site', siteId], { TEMPORAL_ADDRESS: temporal.address });
  expect(elsewhere.stdout).toContain(`the workflows of site ${siteId} are on task queue ${temporal.taskQueue}`);
  expect(elsewhere.stdout).toContain(`next: meter-sync worker --site ${siteId} --task-queue ${temporal.taskQueue}`);
  expect((await cli('resume')).exitCode).toBe(0);

  const configured = await cli('configure', '--batch-rows', '7');
  expect(configured.json()).toMatchObject({ settings: { intervalMs: 3_600_000, batchRows: 7 } });

  const stopped = await cli('stop', '--wait');
  expect(stopped.exitCode).toBe(0);
  expect(stopped.json()).toMatchObject({ ok: true, status: { state: 'stopped', isRunning: false } });

  const twice = await cli('stop');
  expect(twice.exitCode).toBe(1);
  expect(twice.json()).toMatchObject({ error: { code: 'notRunning', how: 'COMPLETED' } });
  const after = await cli('status');
  expect(after.exitCode).toBe(1);
  expect(after.json()).toMatchObject({ siteId, state: 'stopped' });
});

test('watch prints a line when something changes, and ends in order at Ctrl-C', async () => {
  await temporal.startWorker({ activities: { ...new FakeActivities() } });
  await cli('start');
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, TEMPORAL_ADDRESS: temporal.address };
  const child = spawn(process.execPath, [COMMAND_LINE, 'watch', '--site', temporal.siteId, '--interval', '0.2s'], {
    env,
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  await until(() => printed.includes(': healthy: '), { what: 'a healthy site' });
  await cli('pause');
  await until(() => printed.includes(': paused: '), { what: 'the pause' });
  child.kill('SIGINT');
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0);
  const words = printed
    .trimEnd()
    .split('\n')
    .map((line) => line.split(': ')[1]);
  expect(words.slice(-2)).toEqual(['healthy', 'paused']);
});

test('without a worker the status says so within seconds, with what was last known', async () => {
  expect((await cli('start')).json()).toMatchObject({ ok: true, workerPolling: false });
  const status = await cli('status');
  expect(status.exitCode).toBe(1);
  expect(status.tookMs).toBeLessThan(10_000);
  expect(status.json()).toMatchObject({ ok: false, error: { code: 'noWorker', taskQueue: temporal.taskQueue } });
  const text = await runCli(['status', '--site', temporal.siteId], { TEMPORAL_ADDRESS: temporal.address });
  expect(text.stdout).toContain('No worker answers');
  for (const question of ['Is every reading safe?', 'Is anything stuck?', 'What to do now?'])
    expect(text.stdout).toContain(question);
  expect(text.stdout).toContain('last known state');
  const probe = await runCli(['status', '--site', temporal.siteId, '--probe'], { TEMPORAL_ADDRESS: temporal.address });
  expect(probe).toMatchObject({
    exitCode: 2,
    stdout: expect.stringMatching(/^METER_SYNC CRITICAL - [^\n]+\n$/) as unknown,
  });
});

test('what is sent to a site without a worker says that it takes effect when one is back', async () => {
  await cli('start');
  for (const command of ['pause', 'resume', 'sync-now', 'stop']) {
    const run = await runCli([command, '--site', temporal.siteId], { TEMPORAL_ADDRESS: temporal.address });
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain('takes effect when a worker is back');
    expect(run.stdout).toContain(`next: meter-sync worker --site ${temporal.siteId}`);
  }
  const waited = await cli('stop', '--wait', '--timeout-seconds', '1');
  expect(waited.exitCode).toBe(1);
  expect(waited.json()).toMatchObject({
    error: { code: 'stillRunning', next: expect.stringContaining('status') as unknown },
  });
});

test('a site whose local table another running site uploads is not started; once that one has ended, it is', async (context) => {
  const databases = await createDatabases(context);
  const { siteId } = temporal;
  await cli('start');
  await databases.local.sql(
    `insert into meter_sync.upload_claim (site, sent_by, readings) values ('${siteId}', 'a test', 'public.meter_readings')`,
  );
  const start = (): Promise<CliRun> =>
    runCli(['start', '--site', `${siteId}x`, '--json'], {
      TEMPORAL_ADDRESS: temporal.address,
      POSTGRES_SYNC_URL: databases.local.url,
    });
  const refused = await start();
  expect(refused.exitCode).toBe(1);
  expect(refused.json()).toMatchObject({ error: { code: 'tableTaken', by: siteId, table: 'meter_readings' } });
  const { workflow } = temporal.client;
  await workflow.getHandle(`meter-sync:${siteId}`).terminate();
  expect((await start()).json()).toMatchObject({ ok: true });
  await workflow.getHandle(`meter-sync:${siteId}x`).terminate();
});

test('a name that is close to that of a site which runs is asked about', async () => {
  await cli('start');
  const asked = await until(
    async () => {
      const run = await runCli(['status', '--site', `${temporal.siteId}x`], { TEMPORAL_ADDRESS: temporal.address });
      return run.stderr.includes('did you mean') ? run : null; // Temporal lists a workflow some moments after its start
    },
    { what: 'the site in the list' },
  );
  expect(asked.stderr).toContain(`; did you mean ${temporal.siteId}?`);
});

test('a site that nobody knows is told as such by every command', async () => {
  const runs = await Promise.all([cli('status'), cli('stop'), cli('pause'), cli('configure', '--batch-rows', '1')]);
  for (const run of runs) {
    expect(run.exitCode).toBe(1);
    expect(run.json()).toMatchObject({ ok: false, error: { code: 'notRunning', how: null } });
  }
  const probe = await cli('status', '--probe');
  expect(probe).toMatchObject({ exitCode: 2 });
  expect(probe.json()).toMatchObject({ probe: 'CRITICAL', error: { code: 'notRunning' } });
});

test('a pause says who and why, and a move leads to a task queue where a worker polls, and to no other', async () => {
  const { siteId, taskQueue } = temporal;
  const activities = { ...new FakeActivities() };
  await temporal.startWorker({ activities });
  await cli('start');
  await cli('pause', '--reason', 'the remote moves', '--by', 'anna');
  expect((await cli('status')).json()).toMatchObject({ pausedBy: { by: 'anna', reason: 'the remote moves' } });

  const nowhere = await cli('move', '--task-queue', 'nowhere');
  expect(nowhere.exitCode).toBe(1);
  expect(nowhere.json()).toMatchObject({ ok: false, unpolled: 'nowhere' });
  const there = `${taskQueue}:there`;
  await temporal.startWorker({ taskQueue: there, activities });
  const apart = await cli('move', '--task-queue', there, '--activity-task-queue', 'nowhere');
  expect(apart.json()).toMatchObject({ ok: false, unpolled: 'nowhere' });
  expect((await cli('move', '--task-queue', there)).json()).toMatchObject({ ok: true, signal: 'moveTo' });
  const { workflow } = temporal.client;
  const isThere = async (): Promise<boolean> =>
    (await workflow.getHandle(`meter-sync:${siteId}`).describe()).taskQueue === there;
  await until(isThere, { what: 'the site is on the other task queue' });
  expect((await cli('status')).json()).toMatchObject({ state: 'paused', pausedBy: { by: 'anna' } });
});

import { expect, inject, onTestFinished, test } from 'vitest';
import { openProxy, passAll } from '../support/tcp-proxy.js';
import { until } from '../support/wait.js';
import { openWatchedSite } from './watched-site.js';

test('metrics and health follow a site: healthy, stuck within seconds, healthy again, paused also for the next worker, stopped', async (context) => {
  const { local, remote, temporal, worker, health, metric, start, again } = await openWatchedSite(context);
  const { siteId } = temporal;
  await worker.line('worker started');
  expect(await health('live')).toMatchObject({ status: 200 });
  await until(async () => (await health('ready')).status === 200, { what: 'a worker that is ready' });
  expect(await health('sites')).toMatchObject({ status: 200, body: { sites: [{ site: siteId, verdict: null }] } });

  const handle = await start();
  const verdictIs = (verdict: string, status: number): Promise<unknown> =>
    until(
      async () => {
        const seen = await health('sites');
        const [site] = seen.body['sites'] as { verdict: string }[];
        return seen.status === status && site?.verdict === verdict;
      },
      { what: `the verdict ${verdict}`, timeoutMs: 15_000 },
    );
  await verdictIs('healthy', 200);
  const site = `site="${siteId}"`;
  await until(async () => (await metric(`meter_sync_verdict{${site},verdict="healthy"}`)) === 1, { what: 'metrics' });
  expect(await metric(`meter_sync_uploaded_readings_total{${site}}`)).toBe(5);
  expect(await metric(`meter_sync_queue_readings{${site}}`)).toBe(0);
  expect(await metric(`meter_sync_verdict{${site},verdict="stuck"}`)).toBe(0);

  await remote.sql('alter table meter_readings rename to elsewhere');
  await local.sql(`insert into meter_readings (meter_id, created_at) values (1, now())`);
  await verdictIs('stuck', 503);
  const failures = `meter_sync_operation_failures_total{kind="schema",operation="upload",side="remote",${site}}`;
  expect(await metric(failures)).toBeGreaterThan(0);
  await until(async () => Number(await metric(`meter_sync_verdict{${site},verdict="stuck"}`)) === 1, { what: 'stuck' });
  expect(await metric(`meter_sync_queue_readings{${site}}`)).toBeNaN(); // 0 was before the trouble

  await remote.sql('alter table elsewhere rename to meter_readings');
  await verdictIs('healthy', 200);
  const warnings = worker.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
  expect(warnings.filter((message) => message === 'upload fails')).toHaveLength(1);
  expect(warnings.filter((message) => !message.startsWith('upload'))).toEqual([]);
  expect(await worker.line('upload works again')).toMatchObject({ site: siteId, level: 'info' });

  await handle.signal('pause', { by: 'anna' });
  await verdictIs('paused', 503);
  worker.signal('SIGTERM');
  expect(await worker.exited()).toBe(0);
  const next = again();
  await next.line('worker started');
  await verdictIs('paused', 503); // nothing was heard of it: Temporal has been asked
  await handle.signal('stop');
  await verdictIs('stopped', 503);
  next.signal('SIGTERM');
  expect(await next.exited()).toBe(0);
});

test('a worker that loses Temporal says so within 15 seconds, once, and is ready again when Temporal is back', async (context) => {
  const [host = '', port] = inject('stack').temporalAddress.split(':');
  const proxy = await openProxy({ host, port: Number(port) });
  onTestFinished(() => proxy.close());
  const { worker, health, metric } = await openWatchedSite(context, { TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}` });
  await until(async () => (await health('ready')).status === 200, { what: 'a worker that is ready' });
  const lost = Date.now();
  proxy.toServer = () => ({ pass: Buffer.alloc(0), isCut: true });
  await until(async () => (await health('ready')).status === 503, { what: 'the loss', timeoutMs: 15_000 });
  await until(async () => (await metric('meter_sync_temporal_connected')) === 0, { what: 'the loss in the metrics' });
  expect(Date.now() - lost).toBeLessThan(15_000);
  proxy.toServer = passAll;
  await until(async () => (await health('ready')).status === 200, { what: 'the way back', timeoutMs: 15_000 });
  const told = worker.lines.filter(({ level }) => level !== 'info').map(({ message }) => message);
  expect(told).toEqual(['Temporal lost: no work comes until it answers; readings wait at their sites']);
  await worker.line('Temporal is back');
  worker.signal('SIGTERM');
  expect(await worker.exited()).toBe(0);
});

test('an address that is taken ends the worker, and it names the setting', async (context) => {
  const taken = Number(new URL(inject('stack').local).port);
  const settings = { METER_SYNC_METRICS_ADDRESS: `localhost:${taken}` };
  const { worker } = await openWatchedSite(context, settings);
  expect(await worker.exited()).toBe(1);
  expect(worker.lines.at(-1)).toMatchObject({
    message: 'worker failed',
    error: { message: `METER_SYNC_METRICS_ADDRESS is 'localhost:${taken}': another program listens there` },
    next: expect.stringContaining('a free port'),
  });
});

import { expect, inject, test } from 'vitest';

import { runDemo } from '../../src/dev/demo.js';
import { runDev, type DevReady } from '../../src/dev/dev.js';
import type { DevEvent } from '../../src/dev/events.js';
import '../support/context.js';

/** The run's Temporal server serves, so that these tests start databases alone. */
const env = (): NodeJS.ProcessEnv => ({ ...process.env, TEMPORAL_ADDRESS: inject('stack').temporalAddress });

test('the demo loses nothing and doubles nothing while readings arrive', async () => {
  const events: DevEvent[] = [];
  const result = await runDemo({
    env: env(),
    report: (event) => events.push(event),
    signal: new AbortController().signal,
    pace: { intervalMs: 2_000, runMs: 6_000 },
  });

  expect(result).toMatchObject({
    ok: true,
    readings: { generated: 2_322, remote: 2_322, local: 0, lost: 0, doubled: 0 },
    meters: { local: 25, remote: 25 },
    tenants: { local: 3, remote: 3 },
    finalStatus: { state: 'stopped', isRunning: false, totalRecordsSynced: 2_322 },
  });
  expect(result.cycles).toBeGreaterThanOrEqual(4);
  expect(events.filter(({ kind }) => kind === 'status')).toHaveLength(5);
});

test('dev without a worker says where everything listens and ends when it is told to', async () => {
  const end = new AbortController();
  let ready: DevReady | undefined;
  const onReady = (where: DevReady): void => {
    ready = where;
    end.abort();
  };

  await runDev({ env: env(), worker: false, empty: true, report: () => {}, onReady, signal: end.signal });

  expect(ready).toMatchObject({ temporalAddress: inject('stack').temporalAddress, webUi: null, siteId: 'default' });
  expect(ready?.local).toMatch(/^postgresql:\/\/postgres:\w+@127\.0\.0\.1:\d+\/site$/);
});

test('a demo that is told to end leaves with the reason', async () => {
  const end = new AbortController();
  const report = (event: DevEvent): void => {
    if (event.kind === 'step' && event.title.startsWith('A cycle every')) end.abort(new Error('enough'));
  };

  await expect(runDemo({ env: env(), report, signal: end.signal })).rejects.toThrow('enough');
});

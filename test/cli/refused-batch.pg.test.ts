import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it, type TestContext } from 'vitest';
import { uploadReadings } from '../../activities/upload-readings.js';
import { renderStatus } from '../../src/cli/render-status.js';
import { beginCycle, endCycle, recordOutcome } from '../../src/model/cycle.js';
import { toStatus } from '../../src/model/status.js';
import { judge } from '../../src/model/verdict.js';
import { toFailureReport } from '../../workflows/failure-report.js';
import { aState, failed, START } from '../model/builders.js';
import { createDatabases } from '../support/postgres.js';

const READINGS = 1_000;
const plain = {
  paint: (_: unknown, text: string) => text,
  table: (_: unknown, rows: readonly (readonly string[])[]) => rows.map((row) => row.join(': ')).join('\n'),
};
const table = (name: string): { schema: null; name: string } => ({ schema: null, name });

/** One upload of readings of which so many are of an unknown meter; answers with its result or with its failure. */
async function upload(context: Pick<TestContext, 'task'>, unknown: number, maxRefusedShare?: number): Promise<unknown> {
  const { local, remote } = await createDatabases(context);
  await remote.sql(`insert into meter (id, name) values (1, 'Meter')`);
  await local.sql(
    `insert into meter_readings (meter_id) select case when n <= ${unknown} then 4711 else 1 end from generate_series(1, ${READINGS}) as n`,
  );
  const share = maxRefusedShare === undefined ? {} : { maxRefusedShare };
  const tables = {
    readings: { table: table('meter_readings'), key: ['id'], order: 'created_at', flag: 'is_synchronized', ...share },
    meters: { table: table('meter'), key: ['id'], filter: null },
    tenants: { table: table('tenant'), key: ['id'], filter: null },
  };
  const drain = new AbortController().signal;
  const activity = uploadReadings({ site: () => ({ local, remote, tables }), drain });
  const input = { siteId: 'north', batchRows: READINGS, maxDurationMs: 60_000 };
  return new MockActivityEnvironment().run(activity, input).catch((error: unknown) => error);
}

/** What `meter-sync status` prints after a cycle whose upload failed so. */
function printStatus(failure: unknown): string {
  if (!(failure instanceof ApplicationFailure)) throw new Error('the upload did not fail', { cause: failure });
  const ended = new ActivityFailure('failed', 'uploadReadings', '1', 'NON_RETRYABLE_FAILURE', 'worker', failure);
  const state = recordOutcome(
    beginCycle(aState(), 'full', START),
    'upload',
    failed(toFailureReport(ended, 'north'), START),
  );
  const after = state.running === null ? state : endCycle(state, state.running, { now: START + 1_000, random: 0 });
  const status = toStatus('north', after);
  const now = START + 2_000;
  return renderStatus(status, { verdict: judge(status, now), now }, plain);
}

it('a batch of which too much is refused is told in the status: what, how many, why, what to do and when it is tried again', async (context) => {
  const text = printStatus(await upload(context, 300));
  expect(text).toContain('Site north: stuck since');
  expect(text).toContain('more than 200 of the 1000 readings of a batch are refused by meter_readings');
  expect(text).toContain('none was put in quarantine, and the batch stays at the site');
  expect(text).toMatch(/Refused so far: 201 x unknown meter.*\(constraint .*\) \[23503\]/);
  expect(text).toMatch(/What to do now\? +Fix what refuses them on the remote/);
  expect(text).toContain('raise METER_SYNC_QUARANTINE_SHARE (now 20 percent) and restart the worker');
  expect(text).toContain('at once with: meter-sync sync-now --site north --wait');
  expect(text).toMatch(/next upload: .*2026-01-01/);
  expect(text).not.toContain('4711');
});

it('the share that is set is the one that is obeyed, and the one that is told', async (context) => {
  expect(await upload(context, 300, 0.4)).toMatchObject({ inserted: 700, quarantined: 300, inQuarantine: 300 });
  const text = printStatus(await upload(context, 500, 0.4));
  expect(text).toContain('more than 400 of the 1000 readings');
  expect(text).toContain('(now 40 percent)');
});

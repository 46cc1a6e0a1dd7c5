import { ApplicationFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { asCurrentAttempt } from '../../activities/current-attempt.js';
import { uploadReadings } from '../../activities/upload-readings.js';
import type { UploadReadingsResult } from '../../src/model/operations.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { createDatabases } from '../support/postgres.js';

const table = (name: string): { schema: null; name: string } => ({ schema: null, name });
const tables = {
  readings: { table: table('meter_readings'), key: ['id'], order: 'created_at', flag: 'is_synchronized' },
  meters: { table: table('meter'), key: ['id'], filter: null },
  tenants: { table: table('tenant'), key: ['id'], filter: null },
};
const input = { siteId: 'test', batchRows: 3, maxDurationMs: 60_000 };
const drain = new AbortController().signal;

it('the activity uploads the queue of its site and heartbeats after each batch', async (context) => {
  const { local, remote } = await createDatabases(context);
  await remote.sql(`insert into meter (id, name) values (1, 'Meter')`);
  await local.sql('insert into meter_readings (meter_id) select 1 from generate_series(1, 10)');
  const environment = new MockActivityEnvironment();
  const beats: unknown[] = [];
  environment.on('heartbeat', (progress: { removed: number }) => beats.push(progress.removed));
  const result = (await environment.run(
    uploadReadings({ site: () => ({ local, remote, tables }), drain }),
    input,
  )) as UploadReadingsResult;
  expect(result).toMatchObject({ batches: 4, inserted: 10, removed: 10, more: false, queueSize: 0, totalUploaded: 10 });
  expect(beats).toEqual(expect.arrayContaining([3, 6, 9, 10]));
  expect(JSON.parse(JSON.stringify(result))).toEqual(result);
});

it('an attempt beats by itself, with its newest progress', async () => {
  const environment = new MockActivityEnvironment();
  await environment.run(() =>
    asCurrentAttempt({ drain }, async ({ heartbeat }) => {
      heartbeat({ removed: 3 });
      const beat = new Promise((resolve) => environment.once('heartbeat', resolve));
      expect(await beat).toEqual({ removed: 3 });
    }),
  );
});

it('too many readings of a meter that the remote does not know fail the activity as data, and it is not retried', async (context) => {
  const { local, remote } = await createDatabases(context);
  await local.sql('insert into meter_readings (meter_id) select 4711 from generate_series(1, 101)');
  const failure = await failOf(uploadReadings({ site: () => ({ local, remote, tables }), drain }), { batchRows: 200 });
  expect([failure.type, failure.nonRetryable]).toEqual(['data', true]);
  expect(failure.details).toMatchObject([
    { sqlstate: '23503', side: 'remote', table: 'meter_readings' },
    { askedAt: expect.any(String), endedAt: expect.any(String) }, // the loop's clock follows it
  ]);
  expect(JSON.stringify([failure.message, failure.details])).not.toContain('4711');
});

it('a site that this worker does not serve is a failure of its settings', async () => {
  const site = (): never => {
    throw new DatabaseFailure('config', 'this worker does not serve the site test');
  };
  expect((await failOf(uploadReadings({ site, drain }))).type).toBe('config');
});

async function failOf(
  activity: ReturnType<typeof uploadReadings>,
  changes: { batchRows?: number } = {},
): Promise<ApplicationFailure> {
  const environment = new MockActivityEnvironment();
  const failure: unknown = await environment.run(activity, { ...input, ...changes }).catch((error: unknown) => error);
  if (!(failure instanceof ApplicationFailure)) throw new Error('no ApplicationFailure was thrown', { cause: failure });
  return failure;
}

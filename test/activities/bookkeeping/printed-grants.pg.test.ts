import { expect, it, type TestContext } from 'vitest';
import { noteDecision } from '../../../activities/download/guard/note-decision.js';
import { releaseQuarantined } from '../../../activities/upload/quarantine/list.js';
import { ensureSiteKey } from '../../../activities/custody/records/site-key.js';
import type { DownloadResult } from '../../../src/model/operations.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { createDatabases, type TestDatabases } from '../../support/postgres.js';
import { METERS, openOnDatabases } from '../download/site-under-test.js';
import { PLAIN_READINGS, toSite } from '../upload/site-under-test.js';

const TABLES = `
  create table meter_readings (id bigint primary key, created_at timestamptz not null, value numeric);
  create table meter (id bigint primary key, name text)`;
const LOCAL = `
  alter table meter_readings add is_synchronized boolean default false;
  alter table meter add is_active boolean not null default true`;

it('a worker with the printed grants uploads, quarantines and tries again', async (context) => {
  const databases = await openTables(context);
  const site = toSite(databases, PLAIN_READINGS);
  await databases.local.sql('delete from meter_sync.site_key');
  await expect(site.upload()).rejects.toMatchObject({
    kind: 'schema',
    message: expect.stringMatching(/no key.*meter-sync init$/) as unknown,
  });
  await ensureSiteKey(databases.local, 'test'); // as `init` does
  await databases.remote.sql(`insert into meter_readings values (7, '2026-01-01', 700)`);
  await site.queueReadings(1, 10);
  expect(await site.upload()).toMatchObject({ inserted: 9, quarantined: 1 });
  await databases.remote.sql('delete from meter_readings where id = 7');
  await withTransaction(databases.local, { isolation: 'read committed' }, (session) =>
    releaseQuarantined(session, 'test', { by: 'all' }),
  );
  expect(await site.upload()).toMatchObject({ inserted: 1 });
  expect(await databases.local.value('select count(*) from meter_sync.quarantine')).toBe('0');
});

it('a worker with the printed grants downloads, holds, decides and keeps the history', async (context) => {
  const databases = await openTables(context);
  const site = openOnDatabases(databases, METERS);
  const download = (): Promise<DownloadResult> => site.download({}, false, {}, { guard: { share: 0.2 } });
  await databases.remote.sql(`insert into meter select n, 'm' || n from generate_series(1, 40) n`);
  expect(await download()).toMatchObject({ inserted: 40 });
  await databases.remote.sql(`update meter set name = 'other' where id = 1; delete from meter where id > 20`);
  await expect(download()).rejects.toMatchObject({ kind: 'schema' });
  await noteDecision(databases.local, 'site-1', { table: 'meter', decision: 'approve', by: 'anna' }, quiet);
  expect(await download()).toMatchObject({ updated: 1, deactivated: 20 });
  await databases.local.sql(`update meter_sync.download_run set applied_at = now() - interval '10 years'`);
  await databases.remote.sql(`insert into meter values (100, 'new')`);
  expect(await download()).toMatchObject({ inserted: 1 });
  expect(await databases.local.value('select count(*) from meter_sync.download_run')).toBe('1');
});

/** A site whose schema an administrator has made from what `init --print` shows for the worker's role, as that of every test. */
async function openTables(context: TestContext): Promise<TestDatabases> {
  const databases = await createDatabases(context, 'bookkeeping');
  await databases.local.sql(`${TABLES}; ${LOCAL}`);
  await databases.remote.sql(TABLES);
  return databases;
}

const quiet = {
  signal: new AbortController().signal,
  earlyEnd: new AbortController().signal,
  heartbeat: () => undefined,
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
};

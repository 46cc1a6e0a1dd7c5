import { expect, inject, it } from 'vitest';
import { METERS, openOnDatabases } from '../activities/download/site-under-test.js';
import { toSite } from '../activities/upload/site-under-test.js';
import { runCli } from '../cli/run-cli.js';
import { prepareBookkeeping } from '../support/bookkeeping.js';
import { createDatabases } from '../support/postgres.js';
import { grantOnSample } from '../support/rights.js';
import { SERVER_UNDER_TEST } from '../support/server-under-test.js';

/** What every supported version of PostgreSQL must do; `.ci/run` asks each one that npm has (`METER_SYNC_TEST_SERVER`). */
it('a site is made, downloads, uploads, keeps back what the remote refuses, and is verified', async (context) => {
  const { local, remote } = await createDatabases(context, 'empty');
  const cli = (end: 'url' | 'admin', ...args: string[]): ReturnType<typeof runCli> =>
    runCli([...args, '--site', 'test', '--json'], {
      POSTGRES_SYNC_URL: end === 'url' ? local.url : local.admin.url,
      POSTGRES_CLIENT_URL: end === 'url' ? remote.url : remote.admin.url,
      TEMPORAL_ADDRESS: inject('stack').temporalAddress,
    });
  if (/^\d+$/.test(SERVER_UNDER_TEST ?? ''))
    expect(await local.value(`select current_setting('server_version_num')::integer / 10000`)).toBe(SERVER_UNDER_TEST);
  expect(await cli('admin', 'init', '--sample-schema')).toMatchObject({ exitCode: 0 });
  for (const database of [local, remote]) {
    await prepareBookkeeping(database.admin);
    await database.sql(grantOnSample(database.side));
  }

  await remote.sql(`insert into tenant (id, name) values (1, 'T');
    insert into meter (id, name, tenant_id) select n, 'm' || n, 1 from generate_series(1, 20) as n`);
  for (const [name, rows] of [
    ['tenant', 1],
    ['meter', 20],
  ] as const) {
    const { download } = openOnDatabases({ local, remote }, { ...METERS, table: { schema: null, name } });
    expect(await download()).toMatchObject({ inserted: rows, refused: 0 });
    expect(await download()).toMatchObject({ inserted: 0, updated: 0 });
  }
  await remote.sql(`update meter set name = 'other' where id = 3; delete from meter where id = 20`);
  expect(await openOnDatabases({ local, remote }, METERS).download()).toMatchObject({ updated: 1, deactivated: 1 });

  await local.sql(`insert into meter_readings (meter_id, created_at, demand)
    select 1 + n % 10, '2026-01-01'::timestamptz + n * interval '1 min', n / 7.0 from generate_series(1, 300) as n`);
  await local.sql(
    `update meter_readings set meter_id = 4711 where id = (select id from meter_readings order by created_at limit 1)`,
  );
  const [twin] = await local.sql(`select id from meter_readings order by created_at desc limit 1`);
  await remote.sql(`insert into meter_readings (id, meter_id, created_at, demand) values ($1, 1, '2025-01-01', 99)`, [
    twin?.['id'],
  ]);
  const queue = {
    table: { schema: null, name: 'meter_readings' },
    key: ['id'],
    order: 'created_at',
    flag: 'is_synchronized',
  };
  const result = await toSite({ local, remote }, queue).upload({ batchRows: 100 });
  expect(result).toMatchObject({ selected: 300, inserted: 298, quarantined: 2, removed: 298, queueSize: 0 });
  expect((await cli('url', 'verify')).json()).toMatchObject({ isSafe: true, doubts: [] });
});

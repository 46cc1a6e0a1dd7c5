import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { downloadMeters } from '../../../activities/download-meters.js';
import type { DownloadResult } from '../../../src/model/operations.js';
import type { OwnedTable } from '../../../src/model/table.js';
import { createDatabases, type TestDatabases } from '../../support/postgres.js';

const element = (name: string): OwnedTable => ({
  table: { schema: null, name },
  key: ['meter_id', 'no'],
  filter: null,
});

it('further tables follow the meters in the same call, and are counted each', async (context) => {
  const databases = await createDatabases(context, 'ready');
  await makeElements(databases, 'element');
  expect(await download(databases, [element('element')])).toMatchObject({
    inserted: 1,
    further: [{ table: 'element', inserted: 2, updated: 0, localCount: 2, remoteCount: 2 }],
  });
});

it('a further table that is wrong stops only itself, and is named', async (context) => {
  const databases = await createDatabases(context, 'ready');
  await makeElements(databases, 'element');
  const result = await download(databases, [element('nowhere'), element('element'), element('neither')]);
  expect(result).toMatchObject({ inserted: 1, further: [{ table: 'element', inserted: 2 }] });
  expect(result.furtherFailures?.map(({ kind, table }) => [kind, table])).toEqual([
    ['schema', 'nowhere'],
    ['schema', 'neither'],
  ]);
  expect(await databases.local.value('select count(*) from meter')).toBe('1');
  expect(await databases.local.value('select count(*) from element')).toBe('2');
});

async function makeElements({ local, remote }: TestDatabases, name: string): Promise<void> {
  const table = `create table ${name} (meter_id bigint references meter, no int, unit text, primary key (meter_id, no))`;
  await local.sql(table);
  await remote.sql(`${table}; insert into tenant (id, name) values (1, 'T'); insert into meter (id, name) values (5, 'm');
    insert into ${name} values (5, 1, 'kWh'), (5, 2, 'm³')`);
}

function download(databases: TestDatabases, further: readonly OwnedTable[]): Promise<DownloadResult> {
  const owned = (name: string): OwnedTable => ({ table: { schema: null, name }, key: ['id'], filter: null });
  const readings = { table: { schema: null, name: 'meter_readings' }, key: ['id'], order: 'created_at', flag: null };
  const tables = { readings, meters: owned('meter'), tenants: owned('tenant'), further };
  const dependencies = { site: () => ({ ...databases, tables }), drain: new AbortController().signal };
  const environment = new MockActivityEnvironment();
  return environment.run(downloadMeters(dependencies), { siteId: 'site-1' }) as Promise<DownloadResult>;
}

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

it('meters that cannot be downloaded keep no further table back, and the failure names all that failed', async (context) => {
  const databases = await createDatabases(context, 'ready');
  await makeElements(databases, 'element', '');
  await databases.remote.sql('alter table meter rename to elsewhere');
  const failure: unknown = await download(databases, [element('nowhere'), element('element')]).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({
    type: 'schema',
    message: expect.stringMatching(/no table meter,.*; .*no table nowhere,/) as string,
    details: [{ table: 'meter', side: 'remote' }, {}],
  });
  expect(await databases.local.value('select count(*) from element')).toBe('2');
});

it('a failure of which the server does not say the table names it', async (context) => {
  const databases = await createDatabases(context, 'ready');
  await makeElements(databases, 'element');
  await databases.remote.sql(`drop table element; create view element as
    select 5::bigint as meter_id, 1 as no, 'kWh' || 1 / 0 as unit`);
  const result = await download(databases, [element('element')]);
  expect(result.furtherFailures).toMatchObject([
    { kind: 'data', table: 'element', message: expect.stringContaining('table element') as string },
  ]);
});

async function makeElements(
  { local, remote }: TestDatabases,
  name: string,
  references = 'references meter',
): Promise<void> {
  const table = `create table ${name} (meter_id bigint ${references}, no int, unit text, primary key (meter_id, no))`;
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

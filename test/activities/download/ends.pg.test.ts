import { expect, it } from 'vitest';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { runAll } from '../../../src/postgres/session.js';
import { tryLockDownload } from '../../../activities/download/plan/sessions.js';
import { METERS, openSite } from './site-under-test.js';

const METER = 'create table meter (id bigint primary key, name text, tenant_id bigint)';

it.for([
  { what: 'table', remote: 'create table other (id int)', wanted: /remote database: there is no table meter/ },
  {
    what: 'key column',
    remote: 'create table meter (name text)',
    wanted: /remote database: table meter has no column id, which the settings/,
  },
])('a missing $what is named, and the download stops', async ({ remote, wanted }, context) => {
  const site = await openSite(context, { local: METER, remote });
  await expect(site.download()).rejects.toMatchObject({
    kind: 'schema',
    message: expect.stringMatching(wanted) as string,
  });
});

it('a key that is not unique at either end is named, and nothing is changed', async (context) => {
  const site = await openSite(context, 'create table meter (id int, part int, name text)', {
    ...METERS,
    key: ['id', 'part'],
  });
  await site.remote.sql(`insert into meter values (1, 1, 'a'), (1, 1, 'b'), (1, 2, 'c')`);
  await expect(site.download()).rejects.toMatchObject({
    kind: 'schema',
    place: { side: 'remote', table: 'meter' },
    message: expect.stringContaining(
      'the key (id, part) of table meter is not unique: (1, 1) is there more than once',
    ) as string,
  });
  expect(await site.rows('local')).toEqual([]);
  await site.remote.sql(`delete from meter where name = 'b'`);
  await site.local.sql(`insert into meter values (2, null, 'x')`);
  await expect(site.download()).rejects.toMatchObject({
    place: { side: 'local' },
    message: expect.stringContaining('null') as string,
  });
});

it('two keys that the local type reads as one are not unique', async (context) => {
  const site = await openSite(context, {
    local: 'create table meter (id numeric(5,0) primary key)',
    remote: 'create table meter (id numeric primary key)',
  });
  await site.remote.sql('insert into meter values (1.1), (1.2)');
  await expect(site.download()).rejects.toMatchObject({ kind: 'schema', place: { side: 'remote' } });
});

it('a tenant that its column cannot hold is a mistake of the settings', async (context) => {
  const site = await openSite(context, METER);
  await expect(site.download({ filter: { column: 'tenant_id', values: [`x' or true`] } })).rejects.toMatchObject({
    kind: 'config',
    place: { column: 'tenant_id' },
    message: expect.stringContaining(
      `the tenant of the settings, 'x' or true', is no value of column tenant_id`,
    ) as string,
  });
  await expect(site.download({ filter: { column: 'owner', values: ['1'] } })).rejects.toMatchObject({
    kind: 'schema',
    place: { column: 'owner' },
  });
});

it('the remote table may be a view', async (context) => {
  const site = await openSite(context, {
    local: METER,
    remote: `create table all_meters (id bigint, name text); create view meter as select id, name, 5::bigint as tenant_id from all_meters`,
  });
  await site.remote.sql(`insert into all_meters values (1, 'a')`);
  expect(await site.download()).toMatchObject({ inserted: 1 });
});

it('a second download of the table at the same time is busy', async (context) => {
  const site = await openSite(context, METER);
  await withTransaction(site.local, { isolation: 'read committed' }, async (session) => {
    await runAll(session, [tryLockDownload(METERS)]);
    await expect(site.download()).rejects.toMatchObject({ kind: 'busy' });
  });
  expect(await site.download()).toMatchObject({ inserted: 0 });
});

it('a remote that breaks off in the middle leaves the local table as it was', async (context) => {
  const site = await openSite(context, {
    local: METER,
    remote: `create table all_meters (id bigint); create view meter as select 10 / (100 - id) as id, null::text as name, null::bigint as tenant_id from all_meters`,
  });
  await site.remote.sql('insert into all_meters select generate_series(1, 100)');
  await expect(site.download()).rejects.toMatchObject({ kind: 'data', place: { side: 'remote' } });
  expect(await site.rows('local')).toEqual([]);
});

it('a remote that cannot sum up its rows says why, each time', async (context) => {
  const site = await openSite(context, {
    local: METER,
    remote: `create table all_meters (id bigint); create view meter as select id, (10 / id)::text as name, null::bigint as tenant_id from all_meters`,
  });
  await site.remote.sql('insert into all_meters values (1)');
  await site.download();
  await site.remote.sql('insert into all_meters values (0)');
  for (const attempt of [1, 2]) {
    await expect(site.download(), `attempt ${attempt}`).rejects.toMatchObject({ kind: 'data', sqlstate: '22012' });
  }
});

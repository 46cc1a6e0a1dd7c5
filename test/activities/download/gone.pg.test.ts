import { expect, it } from 'vitest';
import { METERS, openSite } from './site-under-test.js';

const METER = 'create table meter (id bigint primary key, name text)';
const WITH_ACTIVE = 'create table meter (id bigint primary key, name text, is_active boolean not null default true)';

it('a row gone from the remote is deactivated once, and is active again when it is back', async (context) => {
  const site = await openSite(context, { local: WITH_ACTIVE, remote: METER });
  await site.remote.sql(`insert into meter values (1, 'a'), (2, 'b')`);
  await site.download();
  await site.remote.sql('delete from meter where id = 2');
  expect(await site.download()).toMatchObject({ deactivated: 1, kept: 0, updated: 0, localCount: 2, remoteCount: 1 });
  expect(site.lines).toEqual([
    { level: 'info', message: 'row deactivated', facts: { table: 'meter', key: ['2'], name: 'b' } },
  ]);
  expect(await site.download()).toMatchObject({ deactivated: 0, updated: 0 });
  await site.remote.sql(`insert into meter values (2, 'b')`);
  expect(await site.download()).toMatchObject({
    updated: 1,
    changedRows: [{ key: ['2'], changedFields: ['is_active'] }],
  });
});

it('where the remote says itself what is active, it is believed', async (context) => {
  const site = await openSite(context, WITH_ACTIVE);
  await site.remote.sql(`insert into meter values (1, 'a', true), (2, 'b', false)`);
  await site.download();
  expect(await site.rows('local')).toEqual(await site.rows('remote'));
  await site.remote.sql('delete from meter where id = 1');
  await site.download();
  await site.remote.sql(`insert into meter values (1, 'a', false)`);
  expect(await site.download()).toMatchObject({ updated: 0 });
  expect(await site.rows('local')).toEqual(await site.rows('remote'));
});

it('a row gone from the remote is kept and counted where no column can say so', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter values (1, 'a'), (2, 'b')`);
  await site.download();
  await site.remote.sql('delete from meter where id = 2');
  expect(await site.download()).toMatchObject({ deactivated: 0, kept: 1, updated: 0 });
  expect(await site.rows('local')).toHaveLength(2);
});

it('two empty tables are equal', async (context) => {
  const site = await openSite(context, METER);
  expect(await site.download()).toMatchObject({ localCount: 0, remoteCount: 0, inserted: 0, kept: 0 });
});

it('with a tenant, rows of other tenants are looked at on neither side', async (context) => {
  const table = 'create table meter (id bigint primary key, name text, tenant_id bigint, active boolean default true)';
  const site = await openSite(context, table, { ...METERS, filter: { column: 'tenant_id', values: ['7'] } });
  await site.remote.sql(`insert into meter values (1, 'a', 7), (2, 'b', 8), (3, 'c', null)`);
  await site.local.sql(`insert into meter values (4, 'other', 8), (5, 'own', 7), (6, 'nobody', null)`);
  expect(await site.download()).toMatchObject({ inserted: 1, deactivated: 0, localCount: 2, remoteCount: 1 });
  expect(await site.local.sql('select id, active from meter order by id')).toEqual([
    { id: '1', active: 't' },
    { id: '4', active: 't' },
    { id: '5', active: 't' },
    { id: '6', active: 't' },
  ]);
});

it('a row that the remote gives to the tenant is taken over from another one', async (context) => {
  const table = 'create table meter (id bigint primary key, name text, tenant_id bigint)';
  const site = await openSite(context, table, { ...METERS, filter: { column: 'tenant_id', values: ['7'] } });
  await site.remote.sql(`insert into meter values (1, 'a', 7)`);
  await site.local.sql(`insert into meter values (1, 'a', 8)`);
  expect((await site.download()).changedRows).toMatchObject([{ key: ['1'], changedFields: ['tenant_id'] }]);
});

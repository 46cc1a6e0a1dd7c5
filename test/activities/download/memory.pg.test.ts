import { expect, it } from 'vitest';
import { METERS, openSite } from './site-under-test.js';

const METER = 'create table meter (id bigint primary key, name text, place text, active boolean default true)';
const NO_ACTIVE = 'create table meter (id bigint primary key, name text, place text, tenant_id bigint)';

it('an edit at the site is set back and told as such, once', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter select n, 'm' || n, 'here' from generate_series(1, 9) n`);
  await site.download();
  await site.local.sql(`update meter set name = 'mine' where id = 4; delete from meter where id = 5`);
  await site.remote.sql(`update meter set place = 'there' where id = 6`);
  expect(await site.download()).toMatchObject({ inserted: 1, updated: 2 });
  expect(site.lines.map(({ message, facts }) => [message, facts.key])).toEqual([
    ['local edit set back', ['5']],
    ['local edit set back', ['4']],
    ['row changed', ['6']],
  ]);
  expect(site.lines[1]?.facts).toMatchObject({ was: { name: 'mine' }, became: { name: 'm4' } });
  expect(await site.rows('local')).toEqual(await site.rows('remote'));
  await site.download();
  expect(site.lines.map(({ message }) => message)).toEqual(['up to date']);
});

it('a row that only the site knows is left alone, and so is what it becomes', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter values (1, 'a')`);
  await site.download();
  await site.local.sql(`insert into meter values (2, 'own')`);
  expect(await site.download()).toMatchObject({ deactivated: 0, kept: 0, localCount: 2, remoteCount: 1 });
  await site.local.sql(`update meter set name = 'still own' where id = 2`);
  expect(await site.download()).toMatchObject({ deactivated: 0, updated: 0 });
  await site.remote.sql(`insert into meter values (2, 'theirs')`);
  expect(await site.download()).toMatchObject({ updated: 1 });
  await site.remote.sql(`delete from meter where id = 2`);
  expect(await site.download()).toMatchObject({ deactivated: 1 });
});

it('a row that was deactivated and is switched on here is deactivated again, and told as an edit', async (context) => {
  const site = await openSite(context, METER);
  await site.remote.sql(`insert into meter values (1, 'a'), (2, 'b')`);
  await site.download();
  await site.remote.sql('delete from meter where id = 2');
  await site.download();
  await site.local.sql('update meter set active = true where id = 2');
  expect(await site.download()).toMatchObject({ deactivated: 1 });
  expect(site.lines.map(({ message }) => message)).toEqual(['local edit set back']);
});

it('a refused row is told once, and tried again when it changes or when a full download asks', async (context) => {
  const site = await openSite(context, {
    local: 'create table meter (id bigint primary key, name varchar(5), size int constraint small check (size < 10))',
    remote: 'create table meter (id bigint primary key, name text, size int)',
  });
  await site.remote.sql(`insert into meter values (1, 'a', 1), (2, 'toolong', 1), (3, 'c', 99)`);
  expect(await site.download()).toMatchObject({ inserted: 1, refused: 2 });
  expect(site.lines.filter(({ level }) => level === 'warn')).toHaveLength(2);
  expect(await site.download()).toMatchObject({ inserted: 0, refused: 2 });
  expect(site.lines).toMatchObject([{ message: 'up to date' }]);
  await site.remote.sql(`update meter set size = 98 where id = 3`);
  expect(await site.download()).toMatchObject({ refused: 2 });
  expect(site.lines.filter(({ level }) => level === 'warn').map(({ facts }) => facts.key)).toEqual([['3']]);
  await site.local.sql('alter table meter drop constraint small');
  expect(await site.download()).toMatchObject({ inserted: 0, refused: 2 });
  expect(await site.download({}, true)).toMatchObject({ inserted: 1, refused: 1 });
  expect(site.lines.filter(({ level }) => level === 'warn').map(({ facts }) => facts.key)).toEqual([['2']]);
});

it('a refused row is not told again when all rows are fetched for the sake of others', async (context) => {
  const site = await openSite(context, {
    local: 'create table meter (id bigint primary key, name varchar(5), size int)',
    remote: 'create table meter (id bigint primary key, name text, size int)',
  });
  await site.remote.sql(
    `insert into meter select n, case n when 3 then 'toolong' else 'm' || n end, 1 from generate_series(1, 9) n`,
  );
  expect(await site.download()).toMatchObject({ inserted: 8, refused: 1 });
  await site.remote.sql('update meter set size = 2 where id <> 3');
  expect(await site.download({}, false, {}, { limits: { sentKeys: 0 } })).toMatchObject({ updated: 8, refused: 1 });
  expect(site.lines.filter(({ level }) => level === 'warn')).toEqual([]);
});

it('a trigger that changes what is written does not make the row come again', async (context) => {
  const site = await openSite(context, {
    local: `${METER};
      create function tidy() returns trigger language plpgsql as $$ begin new.name := upper(new.name); return new; end $$;
      create trigger tidy before insert or update on meter for each row execute function tidy()`,
    remote: METER,
  });
  await site.remote.sql(`insert into meter values (1, 'a'), (2, 'b')`);
  expect(await site.download()).toMatchObject({ inserted: 2 });
  expect(await site.download()).toMatchObject({ updated: 0 });
  await site.remote.sql(`update meter set place = 'x' where id = 1`);
  await site.download();
  expect(await site.download()).toMatchObject({ updated: 0 });
});

it('a row that a trigger leaves out is told once as refused', async (context) => {
  const site = await openSite(context, {
    local: `${METER};
      create function skip() returns trigger language plpgsql as $$ begin return null; end $$;
      create trigger skip before insert on meter for each row when (new.name = 'bad') execute function skip()`,
    remote: METER,
  });
  await site.remote.sql(`insert into meter values (1, 'a'), (2, 'bad')`);
  expect(await site.download()).toMatchObject({ inserted: 1, refused: 1 });
  expect(site.lines.filter(({ level }) => level === 'warn').map(({ facts }) => facts.key)).toEqual([['2']]);
  expect(await site.download()).toMatchObject({ inserted: 0, refused: 1 });
  expect(site.lines).toMatchObject([{ message: 'up to date' }]);
});

it('a meter that moves to another tenant leaves as a row that is gone', async (context) => {
  const site = await openSite(context, NO_ACTIVE.replace('place text', 'place text, is_active boolean default true'), {
    ...METERS,
    filter: { column: 'tenant_id', values: ['7', '8'] },
  });
  await site.remote.sql(`insert into meter (id, tenant_id) values (1, 7), (2, 8), (3, 9), (4, 7)`);
  expect(await site.download()).toMatchObject({ inserted: 3, remoteCount: 3 });
  await site.remote.sql('update meter set tenant_id = 9 where id = 1; update meter set tenant_id = 8 where id = 4');
  expect(await site.download()).toMatchObject({ deactivated: 1, updated: 1, remoteCount: 2 });
  expect(await site.local.value('select is_active from meter where id = 1')).toBe('f');
  expect(await site.download()).toMatchObject({ deactivated: 0, updated: 0 });
});

it.for([
  { gone: { rule: 'delete' as const }, wanted: { deactivated: 1, kept: 0, localCount: 1 }, told: 'row deleted' },
  {
    gone: { rule: 'keep' as const },
    wanted: { deactivated: 0, kept: 1, localCount: 2 },
    told: 'row is gone from the remote, and kept',
  },
  {
    gone: { rule: 'deactivate' as const, column: 'place', value: 'gone', present: null },
    wanted: { deactivated: 1, kept: 0, localCount: 2 },
    told: 'row deactivated',
  },
])('a row that is gone: $gone.rule', async ({ gone, wanted, told }, context) => {
  const site = await openSite(context, NO_ACTIVE, { ...METERS, gone, except: ['place'] });
  await site.remote.sql(`insert into meter values (1, 'a', 'x'), (2, 'b', 'x')`);
  await site.download();
  await site.remote.sql('delete from meter where id = 2');
  expect(await site.download()).toMatchObject(wanted);
  expect(site.lines.map(({ message }) => message)).toEqual([told]);
  expect(await site.download()).toMatchObject({ deactivated: 0 });
  expect(await site.local.value('select count(place) from meter')).toBe(gone.rule === 'deactivate' ? '1' : '0');
});

it('a row that others name cannot be deleted: it is kept, told once, and goes when it can', async (context) => {
  const site = await openSite(
    context,
    { local: `${NO_ACTIVE}; create table reading (meter_id bigint references meter)`, remote: NO_ACTIVE },
    { ...METERS, gone: { rule: 'delete' } },
  );
  await site.remote.sql(`insert into meter (id) values (1), (2), (3)`);
  await site.download();
  await site.local.sql('insert into reading values (2)');
  await site.remote.sql('delete from meter where id > 1');
  expect(await site.download()).toMatchObject({ deactivated: 1, refused: 1 });
  expect(await site.download()).toMatchObject({ deactivated: 0, refused: 1 });
  expect(site.lines).toMatchObject([{ message: 'up to date' }]);
  await site.local.sql('delete from reading');
  expect(await site.download({}, true)).toMatchObject({ deactivated: 1, refused: 0, localCount: 1 });
});

it('columns marked secret are named, and their values shown nowhere', async (context) => {
  const site = await openSite(context, METER, { ...METERS, secret: ['place'] });
  await site.remote.sql(`insert into meter values (1, 'a', 'hidden one')`);
  await site.download();
  await site.remote.sql(`update meter set place = 'hidden two', name = 'b'`);
  await site.download();
  expect(site.lines[0]?.facts).toMatchObject({
    changedFields: ['name', 'place'],
    was: { name: 'a' },
    became: { name: 'b' },
  });
  expect(JSON.stringify(site.lines)).not.toContain('hidden');
});

it('only the columns of the settings are copied', async (context) => {
  const site = await openSite(context, METER, { ...METERS, only: ['name', 'place'], except: ['place'] });
  await site.remote.sql(`insert into meter values (1, 'a', 'x', false)`);
  await site.download();
  expect(await site.rows('local')).toEqual(['{"id":1,"name":"a","place":null,"active":true}']);
});

it('only columns that differ somewhere are set', async (context) => {
  const site = await openSite(context, {
    local: `${METER};
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
      create trigger refuse before update of name on meter for each row execute function refuse()`,
    remote: METER,
  });
  await site.remote.sql(`insert into meter values (1, 'a')`);
  await site.download();
  await site.remote.sql(`update meter set place = 'x'`);
  expect(await site.download()).toMatchObject({ updated: 1, refused: 0 });
});

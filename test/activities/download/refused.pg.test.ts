import { expect, it } from 'vitest';
import { until } from '../../support/wait.js';
import { openSite } from './site-under-test.js';

const REMOTE = 'create table meter (id bigint primary key, name text, tenant_id bigint, parent_id bigint)';
const LOCAL = `
  create table tenant (id bigint primary key);
  create table meter (id bigint primary key, name text unique, tenant_id bigint constraint of_tenant references tenant,
    parent_id bigint constraint of_parent references meter)`;

it.for([
  { key: 'a foreign key', change: '' },
  {
    key: 'a foreign key that was never validated',
    change:
      'alter table meter drop constraint of_tenant, add constraint of_tenant foreign key (tenant_id) references tenant not valid',
  },
])('a meter waits for its tenant by $key, and comes when the tenant is there', async ({ change }, context) => {
  const site = await openSite(context, { local: `${LOCAL}; ${change}`, remote: REMOTE });
  await site.local.sql('insert into tenant values (1)');
  await site.remote.sql(
    `insert into meter select n, 'm' || n, case when n in (3, 77) then 2 else 1 end from generate_series(1, 100) n`,
  );
  expect(await site.download()).toMatchObject({
    inserted: 98,
    waiting: 2,
    refused: 0,
    localCount: 98,
    remoteCount: 100,
  });
  expect(site.lines.at(-1)).toEqual({
    level: 'info',
    message: 'rows wait for a row of another table',
    facts: { table: 'meter', rows: 2, constraints: ['of_tenant'], keys: [['3'], ['77']] },
  });
  expect(await site.download()).toMatchObject({ inserted: 0, waiting: 2 });
  await site.local.sql('insert into tenant values (2)');
  expect(await site.download()).toMatchObject({ inserted: 2, waiting: 0, newRows: [{ key: ['3'] }, { key: ['77'] }] });
});

it('an update that waits leaves the row as it is, and other updates pass', async (context) => {
  const site = await openSite(context, { local: LOCAL, remote: REMOTE });
  await site.local.sql('insert into tenant values (1)');
  await site.remote.sql(`insert into meter values (1, 'a', 1), (2, 'b', 1)`);
  await site.download();
  await site.remote.sql(`update meter set tenant_id = 2 where id = 1; update meter set name = 'c' where id = 2`);
  expect(await site.download()).toMatchObject({ updated: 1, waiting: 1, changedRows: [{ key: ['2'] }] });
  expect(await site.local.value('select tenant_id from meter where id = 1')).toBe('1');
});

it('a refused row stops only itself, and the log says which constraint, never a value', async (context) => {
  const site = await openSite(context, {
    local:
      'create table meter (id bigint primary key, name text, place text not null, size int constraint is_small check (size < 10))',
    remote: 'create table meter (id bigint primary key, name text, place text, size int)',
  });
  await site.remote.sql(`insert into meter select n, 'm' || n, 'secret', 1 from generate_series(1, 50) n;
    update meter set size = 4711 where id = 20; update meter set place = null where id = 30`);
  expect(await site.download()).toMatchObject({ inserted: 48, refused: 2, waiting: 0 });
  const warnings = site.lines.filter(({ level }) => level === 'warn');
  expect(warnings).toMatchObject([
    {
      level: 'warn',
      message: 'row refused',
      facts: {
        table: 'meter',
        key: ['20'],
        name: 'm20',
        column: null,
        constraint: 'is_small',
        sqlstate: '23514',
        reason: expect.stringContaining('violates a check constraint (table meter, constraint is_small)') as string,
      },
    },
    {
      level: 'warn',
      message: 'row refused',
      facts: { table: 'meter', key: ['30'], name: 'm30', column: 'place', constraint: null, sqlstate: '23502' },
    },
  ]);
  expect(JSON.stringify(site.lines)).not.toMatch(/4711|secret/);
});

it('a value that the local type cannot hold leaves out its row alone, and does not switch it off', async (context) => {
  const site = await openSite(context, {
    local: 'create table meter (id bigint primary key, name varchar(5), active boolean default true)',
    remote: 'create table meter (id bigint primary key, name text)',
  });
  await site.remote.sql(`insert into meter select n, 'm' || n from generate_series(1, 60) n`);
  await site.download();
  await site.remote
    .sql(`update meter set name = E'too\\tlong' where id in (7, 33); insert into meter values (61, 'toolong'), (62, 'm62');
    delete from meter where id = 8`);
  expect(await site.download()).toMatchObject({
    inserted: 1,
    updated: 0,
    deactivated: 1,
    refused: 3,
    remoteCount: 61,
    localCount: 61,
  });
  expect(await site.local.sql('select id, name, active from meter where id in (7, 33)')).toEqual([
    { id: '7', name: 'm7', active: 't' },
    { id: '33', name: 'm33', active: 't' },
  ]);
  expect(site.lines.filter(({ level }) => level === 'warn').map(({ facts }) => [facts.key, facts.sqlstate])).toEqual([
    [['7'], '22001'],
    [['33'], '22001'],
    [['61'], '22001'],
  ]);
});

it('a row that is refused by a trigger stops only itself', async (context) => {
  const table = 'create table meter (id bigint primary key, name text)';
  const site = await openSite(context, {
    local: `${table};
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not %', new.name; end $$;
      create trigger refuse before insert on meter for each row when (new.name = 'bad') execute function refuse()`,
    remote: table,
  });
  await site.remote.sql(`insert into meter values (1, 'good'), (2, 'bad'), (3, 'good')`);
  expect(await site.download()).toMatchObject({ inserted: 2, refused: 1 });
});

it('children of a refused parent wait, and all others come, in whatever order they are', async (context) => {
  const site = await openSite(context, { local: LOCAL, remote: REMOTE });
  await site.local.sql('insert into tenant values (1)');
  await site.remote.sql(`
    insert into meter select n, 'm' || n, 1, nullif(n + 1, 41) from generate_series(1, 40) n;
    insert into meter values (50, 'x', 9, null), (49, 'y', 1, 50)`);
  await until(async () => (await site.download()).waiting === 2, { what: 'until only the two wait', everyMs: 0 });
  expect(await site.local.value('select count(*) from meter')).toBe('40');
});

it('a deferred constraint refuses its row as any other', async (context) => {
  const site = await openSite(context, {
    local: `create table tenant (id bigint primary key);
      create table meter (id bigint primary key, tenant_id bigint references tenant deferrable initially deferred)`,
    remote: 'create table meter (id bigint primary key, tenant_id bigint)',
  });
  await site.remote.sql('insert into meter values (1, null), (2, 5)');
  expect(await site.download()).toMatchObject({ inserted: 1, waiting: 1 });
});

it('a name that one row gives up and another takes moves within one download', async (context) => {
  const site = await openSite(context, { local: LOCAL, remote: REMOTE });
  await site.remote.sql(`insert into meter values (1, 'a'), (2, 'b')`);
  await site.download();
  await site.remote.sql(
    `update meter set name = 'c' where id = 2; update meter set name = 'b' where id = 1; insert into meter values (3, 'a')`,
  );
  expect(await site.download()).toMatchObject({ refused: 0, inserted: 1, updated: 2 });
  expect(await site.rows('local')).toEqual(await site.rows('remote'));
});

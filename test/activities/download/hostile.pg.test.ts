import { describe, expect, it } from 'vitest';
import { DEFAULT_GUARD } from '../../../src/model/guard.js';
import { WORKER } from '../../support/rights.js';
import { METERS, openSite } from './site-under-test.js';

const NOTED_TWICE = `
  select count(*) from (
    select t.local_rows - (select count(r.local_hash) from meter_sync.download_row as r where r.table_id = t.id) as more
    from meter_sync.download_table as t
  ) as t where more <> 0`;

describe('triggers and functions of the site', () => {
  it('that change what is written let each row be written once, although another one is refused', async (context) => {
    const site = await openSite(context, {
      local: `
        create table meter (id bigint primary key, name text, size int check (size <> 7), changed_at timestamptz);
        create function stamp() returns trigger language plpgsql as $$ begin new.changed_at := clock_timestamp(); return new; end $$;
        create trigger stamp before insert or update on meter for each row execute function stamp()`,
      remote: `create table meter (id bigint primary key, name text, size int, changed_at timestamptz)`,
    });
    await site.remote.sql(`insert into meter select n, 'm' || n, 0, '2026-01-01' from generate_series(1, 60) n`);
    await site.download();
    await site.remote.sql(
      `update meter set name = 'x' || id, size = case when id = 30 then 7 else 1 end where id > 20`,
    );
    expect(await site.download()).toMatchObject({ updated: 39, refused: 1 });
    expect(await site.local.value(NOTED_TWICE)).toBe('0');
    expect(await site.local.value('select sum(local_rows) from meter_sync.download_table')).toBe('60');
    expect(await site.download()).toMatchObject({ updated: 0, deactivated: 0, refused: 1 });
  });

  it('that give new rows other keys are not called again and again for one row', async (context) => {
    const site = await openSite(context, {
      local: `
        create sequence own start 1000;
        create table meter (id bigint primary key, name text check (name <> 'bad'));
        create function renumber() returns trigger language plpgsql security definer as $$ begin new.id := nextval('own'); return new; end $$;
        create trigger renumber before insert on meter for each row execute function renumber()`,
      remote: 'create table meter (id bigint primary key, name text)',
    });
    await site.remote.sql(
      `insert into meter select n, case n when 3 then 'bad' else 'ok' end from generate_series(1, 5) n`,
    );
    await site.download();
    expect(await site.local.value('select count(*) from meter')).toBe('4');
  });

  it.for(['P0002', 'P0004', '45000', '38000', '42501', '55000', '42703', '0A000'])(
    'that fail over one row with %s stop that row alone, and their words are not told',
    async (sqlstate, context) => {
      const site = await openSite(context, {
        local: `
          create table meter (id bigint primary key, name text);
          create function judge() returns trigger language plpgsql as $$
            begin if new.id = 3 then raise exception 'secret %', new.name using errcode = '${sqlstate}'; end if; return new; end $$;
          create trigger judge before insert on meter for each row execute function judge()`,
        remote: 'create table meter (id bigint primary key, name text)',
      });
      await site.remote.sql(`insert into meter select n, 'value ' || n from generate_series(1, 5) n`);
      expect(await site.download()).toMatchObject({ inserted: 4, refused: 1 });
      expect(JSON.stringify(site.lines.filter(({ message }) => message === 'row refused'))).not.toContain('secret');
    },
  );
});

describe('unique names', () => {
  it.for([
    ['up', 'id + 1'],
    ['down', 'id - 1'],
    ['in a ring of 40 but one', '(id * 7) % 41'],
  ])('that move on along a chain arrive, whatever their order: %s', async ([, next], context) => {
    const site = await openSite(context, 'create table meter (id bigint primary key, name text unique)');
    await site.remote.sql(`insert into meter select n, 'm' || n from generate_series(1, 40) n`);
    await site.download();
    await site.remote.sql(`
      alter table meter drop constraint meter_name_key;
      update meter set name = 'm' || ${next};
      update meter set name = 'free' where id = 17`);
    for (let cycle = 0; cycle < 6; cycle += 1) await site.download();
    expect(await site.rows('local')).toEqual(await site.rows('remote'));
  });
});

describe('rows that are gone', () => {
  it('are not those of which the key is only spelt otherwise: that is updated', async (context) => {
    const table = 'create table meter (id double precision primary key, name text, active boolean)';
    const site = await openSite(context, { local: table, remote: table.replace(', active boolean', '') });
    await site.remote.sql(`insert into meter values (0, 'zero'), (1, 'one')`);
    await site.download();
    await site.remote.sql(`update meter set id = '-0' where id = 0`);
    expect(await site.download()).toMatchObject({ updated: 1, deactivated: 0 });
    expect(await site.local.sql('select id, active from meter order by name')).toEqual(
      [
        { id: '1', active: 't' },
        { id: '-0', active: 't' },
      ].map((row) => ({ ...row, active: expect.anything() as unknown })),
    );
    expect(await site.local.value('select count(*) from meter where active')).toBe('2');
    for (const full of [false, true])
      expect(await site.download({}, full)).toMatchObject({ updated: 0, deactivated: 0 });
  });

  it('are told apart in all partitions of a table', async (context) => {
    const site = await openSite(context, {
      local: `
        create table meter (id bigint primary key, name text, active boolean, check (active or id <> 1)) partition by range (id);
        create table meter_a partition of meter for values from (0) to (100);
        create table meter_b partition of meter for values from (100) to (200)`,
      remote: 'create table meter (id bigint primary key, name text)',
    });
    await site.remote.sql(`insert into meter values (1, 'a'), (2, 'b'), (101, 'c'), (102, 'd')`);
    await site.download();
    await site.remote.sql('delete from meter where id in (1, 101)');
    expect(await site.download()).toMatchObject({ deactivated: 1, refused: 1 });
    expect(await site.local.value(`select string_agg(id::text, ',' order by id) from meter where active`)).toBe(
      '1,2,102',
    );
    expect(site.lines.filter(({ message }) => message === 'row refused').map(({ facts }) => facts['key'])).toEqual([
      ['1'],
    ]);
  });

  it('go after others have let go of them in the same change', async (context) => {
    const site = await openSite(context, 'create table meter (id bigint primary key, parent bigint references meter)', {
      ...METERS,
      gone: { rule: 'delete' },
    });
    await site.remote.sql('insert into meter values (1, null), (2, 1), (3, null)');
    await site.download();
    await site.remote.sql('update meter set parent = 3 where id = 2; delete from meter where id = 1');
    expect(await site.download()).toMatchObject({ updated: 1, deactivated: 1, refused: 0 });
    expect(await site.rows('local')).toEqual(await site.rows('remote'));
  });

  it.for(['cascade', 'set null'])('never take readings with them: on delete %s', async (follows, context) => {
    const site = await openSite(
      context,
      {
        local: `create table meter (id bigint primary key); create table element (id bigint primary key, meter_id bigint references meter on delete cascade);
          create table queue (n int, element_id bigint constraint of_element references element on delete ${follows})`,
        remote: 'create table meter (id bigint primary key)',
      },
      { ...METERS, gone: { rule: 'delete' } },
    );
    await site.remote.sql('insert into meter values (1), (2)');
    await site.download();
    await site.local.sql('insert into element values (10, 1); insert into queue values (1, 10)');
    await site.remote.sql('delete from meter where id = 1');
    const options = { readings: { schema: null, name: 'queue' } };
    await expect(site.download({}, false, {}, options)).rejects.toMatchObject({
      kind: 'schema',
      place: { constraint: 'of_element' },
      message: expect.stringContaining(`on delete ${follows}`) as string,
    });
    expect(await site.local.value('select count(*) from queue where element_id = 10')).toBe('1');
  });
});

describe('a remote that truncates and fills a table anew in one transaction is never seen empty', () => {
  const BASE = 'create table base (id bigint primary key, name text, active boolean)';
  const FILL = `select n, 'm' || n, true from generate_series(1, 100) n`;
  const TARIFFS = `create table reloaded (meter_id bigint primary key, tariff text);
    insert into reloaded select n, 'T' || n from generate_series(1, 60) n`;
  const JOINED = `select b.*, c.tariff from base as b left join reloaded as c on c.meter_id = b.id`;

  it.for([
    ['the table itself', `${BASE.replace('base', 'meter')}; insert into meter ${FILL}`, 'meter'],
    ['a view', `${BASE}; insert into base ${FILL}; create view meter as select * from base`, 'base'],
    [
      'a view of a view, that joins it from the left',
      `${BASE}; insert into base ${FILL}; ${TARIFFS}; create view joined as ${JOINED}; create view meter as select * from joined`,
      'reloaded',
    ],
    [
      'one that a view reads in a subquery alone',
      `${BASE}; insert into base ${FILL}; ${TARIFFS};
       create view meter as select *, (select c.tariff from reloaded as c where c.meter_id = b.id) as tariff from base as b`,
      'reloaded',
    ],
    [
      'a partition below a view',
      `create table whole (id bigint primary key, name text, active boolean) partition by range (id);
       create table low partition of whole for values from (0) to (50); create table high partition of whole default;
       insert into whole ${FILL}; create view meter as select * from whole`,
      'low',
    ],
    [
      'a materialized view',
      `${BASE}; insert into base ${FILL}; create materialized view meter as select * from base`,
      'meter',
      'refresh materialized view meter',
    ],
    [
      'a table that is replaced by another one, and the view with it',
      `${BASE}; insert into base ${FILL}; create view meter as select * from base`,
      'base',
      `create table other as table base; drop table base cascade; alter table other rename to base; create view meter as select * from base`,
    ],
  ] as const)('%s', async ([, remote, table, reload], context) => {
    const site = await openSite(context, {
      local: 'create table meter (id bigint primary key, name text, active boolean, tariff text)',
      remote,
    });
    await site.download();
    const before = await site.rows('local');
    const loader = await site.remote.admin.pool.connect();
    try {
      await loader.query(
        reload === undefined
          ? `begin; create temporary table kept as table ${table}; truncate ${table}; insert into ${table} table kept`
          : `begin; ${reload}`,
      );
      const download = site.download({}, false, {}, { guard: DEFAULT_GUARD });
      const isWaiting = `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      await expect.poll(() => site.remote.value(isWaiting)).toBe('1');
      await loader.query('commit');
      expect(await download).toMatchObject({ remoteCount: 100, deactivated: 0, updated: 0 });
    } finally {
      loader.release();
    }
    expect(await site.rows('local')).toEqual(before);
    expect(await site.local.value('select sum(changed_rows) + sum(gone_rows) from meter_sync.download_run')).toBe('0');
  });
});

it('a memory of which a part is lost is not believed', async (context) => {
  const site = await openSite(context, 'create table meter (id bigint primary key, name text)');
  await site.remote.sql(`insert into meter select n, 'm' || n from generate_series(1, 3000) n`);
  await site.download();
  await site.local.sql('delete from meter_sync.download_row where key_hash % 2 = 0');
  await site.remote.sql(`update meter set name = 'new' where id = 5`);
  expect(await site.download()).toMatchObject({ updated: 1 });
  expect(await site.local.value('select count(local_hash) from meter_sync.download_row')).toBe('3000');
});

it('json that jsonb cannot hold stops its own row alone', async (context) => {
  const site = await openSite(context, {
    local: 'create table meter (id bigint primary key, info jsonb)',
    remote: 'create table meter (id bigint primary key, info json)',
  });
  await site.remote.sql(
    String.raw`insert into meter values (1, '{"a": "\ud800"}'), (2, '{"a": "\u0000"}'), (3, '{"a": 1e400000}'), (4, '{"a": 1}')`,
  );
  await site.remote.sql(
    `alter role ${WORKER} in database "${site.remote.settings.database}" set standard_conforming_strings = off`,
  );
  await site.remote.pool.query('select').catch(() => undefined);
  expect(await site.download()).toMatchObject({ inserted: 1, refused: 3 });
  expect(await site.download()).toMatchObject({ inserted: 0, refused: 3 });
});

it.for([
  [
    'orphans',
    'tenant_id bigint references tenant',
    `update meter set name = 'other', tenant_id = case when id > 10 then 99 else 1 end`,
  ],
  [
    'values that the types here refuse',
    'tenant_id bigint',
    `update meter set name = case when id > 10 then 'much too long for it' else 'other' end`,
  ],
] as const)(
  'another database under the same name is held, although most of its rows are %s',
  async ([, column, change], context) => {
    const site = await openSite(context, {
      local: `create table tenant (id bigint primary key); insert into tenant values (1); create table meter (id bigint primary key, name varchar(8), ${column})`,
      remote: 'create table meter (id bigint primary key, name text, tenant_id bigint)',
    });
    await site.remote.sql(`insert into meter select n, 'm' || n, 1 from generate_series(1, 40) n`);
    await site.download();
    await site.remote.sql(change);
    await expect(site.download({}, false, {}, { guard: DEFAULT_GUARD })).rejects.toMatchObject({
      message: expect.stringContaining('look like a mistake') as string,
    });
    expect(await site.local.value(`select count(*) from meter where name like 'm%'`)).toBe('40');
  },
);

it('a remote that switches most of its rows off itself is held', async (context) => {
  const site = await openSite(context, 'create table meter (id bigint primary key, name text, active boolean)');
  await site.remote.sql(`insert into meter select n, 'm' || n, true from generate_series(1, 40) n`);
  await site.download();
  await site.remote.sql('update meter set active = false where id <= 34');
  await expect(site.download({}, false, {}, { guard: DEFAULT_GUARD })).rejects.toMatchObject({
    message: expect.stringContaining('34 of 40 rows') as string,
  });
  expect(await site.local.value('select count(*) from meter where active')).toBe('40');
});

it('a table without a unique key is never filled unseen: keys that are there twice, or null, are named', async (context) => {
  const site = await openSite(context, 'create table meter (id bigint, name text)');
  await site.remote.sql(
    `insert into meter select n, 'm' from generate_series(1, 30) n; insert into meter values (7, 'again')`,
  );
  await expect(site.download()).rejects.toMatchObject({
    message: expect.stringContaining('(7) is there more than once') as string,
  });
  await site.remote.sql(`update meter set id = null where name = 'again'`);
  await expect(site.download()).rejects.toMatchObject({
    message: expect.stringContaining('a null in 1 row') as string,
  });
  expect(await site.rows('local')).toEqual([]);
});

it('keys that are apart on the remote, and one to the table here, are named', async (context) => {
  const site = await openSite(context, {
    local: `create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      create table meter (id text collate ci primary key, name text)`,
    remote: 'create table meter (id text primary key, name text)',
  });
  await site.remote.sql(`insert into meter values ('a', 'one'), ('b', 'two')`);
  await site.download();
  await site.remote.sql(`insert into meter values ('A', 'three')`);
  for (const attempt of [1, 2]) {
    await expect(site.download(), `attempt ${attempt}`).rejects.toMatchObject({
      kind: 'schema',
      message: expect.stringContaining('takes keys for one that are apart on the remote: (A)') as string,
    });
  }
});

it('a filter works where its column is not among those to be copied', async (context) => {
  const site = await openSite(
    context,
    'create table meter (id bigint primary key, name text, tenant_id bigint, active boolean default true)',
  );
  await site.remote.sql(`insert into meter select n, 'm' || n, 7 from generate_series(1, 5) n`);
  const scope = { only: ['name'], filter: { column: 'tenant_id', values: ['7'] } };
  expect(await site.download(scope)).toMatchObject({ inserted: 5, localCount: 5 });
  await site.remote.sql('update meter set tenant_id = 8 where id = 1; delete from meter where id = 2');
  expect(await site.download(scope)).toMatchObject({ deactivated: 2 });
});

it('the table of the readings is never downloaded, whatever its name is spelt like', async (context) => {
  const site = await openSite(context, 'create table meter (id bigint primary key, name text)');
  const options = { readings: { schema: 'public', name: 'meter' } };
  await expect(site.download({}, false, {}, options)).rejects.toMatchObject({ kind: 'config' });
});

it('a name that is secret is shown nowhere', async (context) => {
  const site = await openSite(
    context,
    "create table meter (id bigint primary key, name text check (name <> 'secret 2'))",
    {
      ...METERS,
      secret: ['name'],
    },
  );
  await site.remote.sql(`insert into meter values (1, 'secret 1')`);
  const first = JSON.stringify([await site.download(), site.lines]);
  await site.remote.sql(`update meter set name = 'secret 3'; insert into meter values (2, 'secret 4')`);
  const second = JSON.stringify([await site.download(), site.lines]);
  const kept = await site.local.value('select json_agg(c) from meter_sync.download_change as c');
  for (const text of [first, second, kept]) expect(text).not.toContain('secret ');
});

it('values of some megabytes in many rows do not fill the memory', async (context) => {
  const site = await openSite(context, 'create table meter (id bigint primary key, name text, plan text)');
  await site.remote.sql(
    `insert into meter select n, 'm' || n, repeat(md5(n::text), 30000) from generate_series(1, 100) n`,
  );
  await site.download();
  await site.remote.sql(`update meter set plan = plan || 'x'`);
  const before = process.memoryUsage().rss;
  expect(await site.download()).toMatchObject({ updated: 100 });
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(150);
  const line = site.lines.find(({ message }) => message === 'row changed' || message === 'changed row');
  expect(JSON.stringify(site.lines).length).toBeLessThan(1_000_000);
  expect(line === undefined || JSON.stringify(line).length < 5_000).toBe(true);
});

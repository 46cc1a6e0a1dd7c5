import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { grantText } from '../../../activities/bookkeeping/grants.js';
import { createPool } from '../../../src/postgres/pool.js';
import { METERS, openSite, type SiteUnderTest } from './site-under-test.js';

/** Of 12 rows two exchange their values, and three more in a ring; with them one that has nothing to do with it changes. */
const PARTNER = 'case id when 1 then 2 when 2 then 1 when 3 then 4 when 4 then 5 when 5 then 3 else id end';

/**
 * The site's table with these columns and rules, the remote's with the columns alone.
 * @param value - of row `n`, as SQL
 */
async function openExchange(
  context: Parameters<typeof openSite>[0],
  { columns, rules, value, before = '' }: { columns: string; rules: string; value: string; before?: string },
): Promise<SiteUnderTest> {
  const table = (more: string): string => `create table meter (id bigint primary key, name text, ${columns}${more})`;
  const site = await openSite(context, {
    local: `${before} ${table('')}; ${rules}`,
    remote: `${before} ${table('')}`,
  });
  await site.remote.sql(`insert into meter select n, 'm' || n, ${value} from generate_series(1, 12) as n`);
  await site.download();
  expect(await site.rows('local')).toEqual(await site.rows('remote'));
  return site;
}

const unique = 'alter table meter add constraint one unique (v)';

describe('rows that exchange unique values take them in one download', () => {
  it.for([
    ['text', 'v text', unique, `'m' || n`],
    ['text that may not be null', 'v text not null', unique, `'m' || n`],
    ['a short text', 'v varchar(4) not null', unique, `'SN' || n`],
    ['a code with a check', `v text not null check (v ~ '^SN[0-9]{4}$')`, unique, `'SN' || 1000 + n`],
    ['integer', 'v integer not null', unique, 'n'],
    ['smallint with a check on both sides', 'v smallint not null check (v between 1 and 247)', unique, '21 * n - 10'],
    ['numeric', 'v numeric(6,2) not null', unique, 'n + 0.5'],
    ['uuid', 'v uuid not null', unique, 'md5(n::text)::uuid'],
    ['date', 'v date not null', unique, `date '2026-01-01' + n`],
    ['timestamptz', 'v timestamptz not null', unique, `timestamptz '2026-01-01' + n * interval '7 s'`],
    ['macaddr', 'v macaddr not null', unique, `left(md5(n::text), 12)::macaddr`],
    ['inet', 'v inet not null', unique, `inet '10.0.0.0' + n`],
    ['bytea', 'v bytea not null', unique, `decode(md5(n::text), 'hex')`],
    ['one in a range that is full', 'v integer not null check (v <= 12)', unique, 'n'],
    [
      'one that is full, of a deferrable constraint',
      'v integer not null check (v between 1 and 12)',
      'alter table meter add constraint one unique (v) deferrable',
      'n',
    ],
    [
      'null among them, nulls not distinct',
      'v integer',
      `alter table meter add constraint one unique nulls not distinct (v)`,
      'nullif(n, 3)',
    ],
    ['an expression', 'v text not null', 'create unique index one on meter (lower(v))', `'M' || n`],
    [
      'a part of the rows',
      'v integer not null, used boolean',
      'create unique index one on meter (v) where used',
      'n, n < 9',
    ],
    [
      'a range, that excludes others',
      'v int4range not null',
      'alter table meter add constraint one exclude using gist (v with &&)',
      'int4range(n * 10, n * 10 + 10)',
    ],
  ] as const)('%s', async ([, columns, rules, value], context) => {
    const site = await openExchange(context, { columns, rules, value });
    await site.remote.sql(`
      update meter as m set v = o.v from meter as o where o.id = (select ${PARTNER} from (select m.id) as i);
      update meter set name = 'new' where id = 12`);
    expect(await site.download()).toMatchObject({ updated: 6, refused: 0, waiting: 0 });
    expect(await site.rows('local')).toEqual(await site.rows('remote'));
    expect(await site.download()).toMatchObject({ updated: 0 });
  });

  it.for([
    [
      'enum',
      `create type v as enum (${Array.from({ length: 14 }, (_, n) => `'p${n}'`).join(', ')});`,
      'v v not null',
      `('p' || n)::v`,
    ],
    ['a domain with a check', `create domain v as integer not null check (value > 0 and value < 1000);`, 'v v', 'n'],
  ] as const)('%s', async ([, before, columns, value], context) => {
    const site = await openExchange(context, { columns, rules: unique, value, before });
    await site.remote.sql(
      `update meter as m set v = o.v from meter as o where o.id = (select ${PARTNER} from (select m.id) as i)`,
    );
    expect(await site.download()).toMatchObject({ updated: 5, refused: 0 });
    expect(await site.rows('local')).toEqual(await site.rows('remote'));
  });
});

describe('rows that exchange values', () => {
  const GATEWAYS = 'create table gateway (id int primary key); insert into gateway values (1), (2), (3), (4);';

  it.for([
    ['the address', 'update meter set address = case id when 1 then 5 when 5 then 1 else address end'],
    [
      'the gateway, which a foreign key asks for',
      'update meter set gateway = case id when 1 then 2 when 2 then 1 else gateway end',
    ],
    ['both', 'update meter set gateway = 3 - gateway, address = 6 - address where id in (1, 6)'],
  ] as const)('of pairs may change %s', async ([, change], context) => {
    const site = await openExchange(context, {
      before: GATEWAYS,
      columns: 'gateway int not null references gateway, address smallint not null check (address between 1 and 247)',
      rules: 'alter table meter add constraint one unique (gateway, address)',
      value: '1 + (n - 1) % 4, 1 + (n - 1) / 4 * 4 + (n - 1) % 4 / 2',
    });
    await site.remote.sql(change);
    expect(await site.download()).toMatchObject({ refused: 0 });
    expect(await site.rows('local')).toEqual(await site.rows('remote'));
  });

  it('keep what refers to them, fire no trigger of rows that come and go, and need no right but to update', async (context) => {
    const site = await openExchange(context, {
      columns: 'v integer not null, w integer not null',
      rules: unique,
      value: 'n, n',
    });
    await site.local.sql(`
      alter table meter add constraint two unique (w);
      create table part (meter_id bigint references meter on delete cascade, of_w integer references meter (w) on delete cascade);
      insert into part select id, w from meter;
      create table seen (what text);
      create function note() returns trigger language plpgsql as $$ begin insert into seen values (tg_op); return null; end $$;
      create trigger note after insert or delete on meter for each row execute function note()`);
    await site.remote.sql(`update meter set v = ${PARTNER}`);
    const role = `worker_${site.local.settings.database.slice(-8)}`;
    await site.local.sql(`create role ${role} login password 'right'; grant select, insert, update on meter to ${role};
      grant temporary on database "${site.local.settings.database}" to ${role}; ${grantText('local', role)}`);
    const pool = createPool({ ...site.local.settings, user: role, password: () => 'right' }, () => undefined);
    expect(await site.download({}, false, { local: { side: 'local', pool } })).toMatchObject({
      updated: 5,
      refused: 0,
    });
    await pool.end();
    await site.local.sql(`drop owned by ${role}; drop role ${role}`);
    expect(await site.rows('local')).toEqual(await site.rows('remote'));
    expect(await site.local.value('select count(*) from part')).toBe('12');
    expect(await site.local.value('select count(*) from seen')).toBe('0');
  });

  it('are refused alone, with the constraint, where the table takes no value in between', async (context) => {
    const site = await openExchange(context, {
      columns: 'v integer not null',
      rules: `${unique}; alter table meter add check (v between 1 and 12 or id > 5 and v > 50)`,
      value: 'n',
    });
    await site.remote.sql(`update meter set v = case id when 11 then 12 when 12 then 11 else ${PARTNER} end;
      update meter set name = 'new' where id = 8; insert into meter values (13, 'more', 13 + 40)`);
    expect(await site.download()).toMatchObject({ updated: 3, inserted: 1, refused: 5 });
    const refused = site.lines.filter(({ message }) => message === 'row refused').map(({ facts }) => facts);
    expect(refused.map(({ key, constraint, sqlstate }) => [key, constraint, sqlstate])).toEqual(
      ['1', '2', '3', '4', '5'].map((id) => [[id], 'one', '23505']),
    );
    expect(await site.local.value('select string_agg(v::text, $$ $$ order by id) from meter')).toBe(
      '1 2 3 4 5 6 7 8 9 10 12 11 53',
    );
    expect(await site.download()).toMatchObject({ updated: 0, refused: 5 });
  });

  it('are left as they were where a trigger leaves one of them out', async (context) => {
    const site = await openExchange(context, { columns: 'v integer not null', rules: unique, value: 'n' });
    await site.local.sql(`
      create function leave() returns trigger language plpgsql as $$ begin return case when new.id = 2 or new.v = 2 then null else new end; end $$;
      create trigger leave before update on meter for each row execute function leave()`);
    await site.remote.sql(`update meter set v = ${PARTNER}`);
    expect(await site.download()).toMatchObject({ updated: 3, refused: 2 });
    expect(await site.local.value('select string_agg(v::text, $$ $$ order by id) from meter where id < 6')).toBe(
      '1 2 4 5 3',
    );
  });

  it('make room for new rows, and for which of several is the main one', async (context) => {
    const site = await openExchange(context, {
      columns: 'tenant int not null, is_main boolean not null',
      rules: 'create unique index one on meter (tenant) where is_main',
      value: '1 + n % 3, n <= 3',
    });
    await site.remote.sql(`
      update meter set is_main = case id when 1 then false when 4 then true else is_main end, tenant = case id when 2 then 1 when 3 then 3 else tenant end;
      insert into meter values (13, 'main of another', 4, true)`);
    expect(await site.download()).toMatchObject({ inserted: 1, refused: 0 });
    expect(await site.rows('local')).toEqual(await site.rows('remote'));
  });

  it('leave out those for which another row does not move', async (context) => {
    const site = await openSite(context, 'create table meter (id bigint primary key, name text unique)');
    await site.remote.sql(`insert into meter select n, 'm' || n from generate_series(1, 6) n`);
    await site.local.sql(`insert into meter values (99, 'own')`);
    await site.download();
    await site.remote.sql(`
      alter table meter drop constraint meter_name_key;
      update meter set name = case id when 1 then 'm2' when 2 then 'm1' when 3 then 'own' when 4 then 'm3' else name end`);
    expect(await site.download()).toMatchObject({ updated: 2, refused: 2 });
    expect(await site.local.value(`select string_agg(name, ' ' order by id) from meter`)).toBe('m2 m1 m3 m4 m5 m6 own');
  });

  it('may do so in several columns, in any order, while rows come and go', async (context) => {
    const site = await openSite(
      context,
      {
        local:
          'create table meter (id bigint primary key, v integer not null unique, w text unique, tenant int, unique (tenant, w))',
        remote: 'create table meter (id bigint primary key, v integer, w text, tenant int)',
      },
      { ...METERS, gone: { rule: 'delete' } },
    );
    const ids = Array.from({ length: 8 }, (_, at) => at + 1);
    const rows = fc.tuple(
      fc.subarray(ids, { minLength: 2 }),
      fc.shuffledSubarray(ids, { minLength: 8 }),
      fc.shuffledSubarray(ids, { minLength: 8 }),
    );
    const property = fc.asyncProperty(fc.array(rows, { minLength: 2, maxLength: 4 }), async (states) => {
      await site.local.sql('truncate meter, meter_sync.download_table cascade');
      for (const [there, v, w] of states) {
        const values = there.map((id) => `(${id}, ${v[id - 1]}, 'w${w[id - 1]}', ${w[id - 1]! % 2})`);
        await site.remote.sql(`delete from meter; insert into meter values ${values.join(', ')}`);
        expect(await site.download()).toMatchObject({ refused: 0, waiting: 0 });
        expect(await site.rows('local')).toEqual(await site.rows('remote'));
      }
    });
    await fc.assert(property, { numRuns: 15 });
  });

  it('may be hundreds, in pairs and in rings of 40', async (context) => {
    const site = await openSite(context, {
      local: 'create table meter (id bigint primary key, v integer not null unique)',
      remote: 'create table meter (id bigint primary key, v integer not null)',
    });
    await site.remote.sql('insert into meter select n, n from generate_series(1, 600) n');
    await site.download();
    await site.remote.sql(
      `update meter set v = v + v % 2 * 2 - 1 where id <= 400;
       update meter set v = v / 40 * 40 + (v + 1) % 40 where id >= 440 and id < 560`,
    );
    expect(await site.download()).toMatchObject({ refused: 0 });
    expect(await site.rows('local')).toEqual(await site.rows('remote'));
  });
});

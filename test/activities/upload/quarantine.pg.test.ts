import { expect, it } from 'vitest';
import { openSite } from './site-under-test.js';
import { countQueries, openStrict, queue } from './strict-site.js';

const NOTES = `
  select key[1] as key, sqlstate, constraint_name, column_names::text as columns, message, tries
  from meter_sync.quarantine order by key[1]::bigint`;

const CULPRITS = [
  ['unknown meter', 'meter_id = 4711', '23503', 'meter_readings_meter_id_fkey'],
  ['value out of range', 'value = 12345678.90', '22003', null],
  ['number too large for its type', 'small = 70000', '22003', null],
  ['text too long', `unit = 'kilowatthours'`, '22001', null],
  ['value missing', 'created_at = null', '23502', null],
  ['refused by a check', 'value = 4999 + 1', '23514', 'plausible'],
] as const;

for (const [name, change, sqlstate, constraint] of CULPRITS) {
  it(`a culprit stays alone in quarantine, and the rest arrives in the same run: ${name}`, async (context) => {
    const site = await openStrict(context);
    await queue(site, 300);
    await site.local.sql(`update meter_readings set ${change} where id = 137`);
    const result = await site.upload();
    expect(result).toMatchObject({ selected: 300, inserted: 299, quarantined: 1, removed: 299, inQuarantine: 1 });
    expect(result).toMatchObject({ queueSize: 0, oldestUnsynced: null, more: false });
    const [note] = await site.local.sql(NOTES);
    expect(note).toMatchObject({ key: '137', sqlstate, constraint_name: constraint, tries: '1' });
    expect(note?.['message']).toMatch(/^remote database: /);
    expect(note?.['message']).not.toMatch(/4711|12345678|70000|kilowatthours|5000/);
    expect(await site.count(site.local)).toBe(1);
  });
}

it('a trigger that refuses a reading, a unique value that is taken and other content are culprits, too', async (context) => {
  const site = await openStrict(context);
  await queue(site, 100);
  await site.remote.sql(`
    create function refuse() returns trigger language plpgsql as $$begin
      if new.value = 7 then raise exception 'no %', new.value; end if; return new; end$$;
    create trigger refuse before insert on meter_readings for each row execute function refuse();
    alter table meter_readings add constraint one_second unique (created_at);
    insert into meter_readings select 1000, '2026-01-01 00:00:20+00', 1, 20, 'kWh', 1;
    insert into meter_readings select 33, '2026-01-01 00:00:33+00', 4, 34, 'kWh', 33`);
  expect(await site.upload()).toMatchObject({ selected: 100, inserted: 97, quarantined: 3, removed: 97 });
  expect(await site.local.sql(NOTES)).toMatchObject([
    { key: '7', sqlstate: 'P0001', message: expect.stringMatching(/refuse\(\) line 2 raised an error/) as unknown },
    { key: '20', sqlstate: '23505', constraint_name: 'one_second' },
    { key: '33', sqlstate: null, columns: '{value}' },
  ]);
});

it('a zero character in json, which jsonb cannot hold, is a culprit', async (context) => {
  const site = await openSite(context, {
    local: `create table meter_readings (id bigint primary key, created_at timestamptz not null, note json, is_synchronized boolean)`,
    remote: `create table meter_readings (id bigint primary key, created_at timestamptz not null, note jsonb)`,
    readings: { mayRound: ['note'] },
  });
  await site.local.sql(String.raw`
    insert into meter_readings select n, now(), case when n = 2 then '"\u0000"' else '"\u0001"' end::json
    from generate_series(1, 3) as n`);
  expect(await site.upload()).toMatchObject({ selected: 3, inserted: 2, quarantined: 1 });
  expect(await site.local.sql(NOTES)).toMatchObject([{ key: '2', sqlstate: '22P05' }]);
});

for (const culprits of [1, 10, 1_000]) {
  it(`culprits at random places of 50,000 readings are found, each in a few trips: ${culprits}`, async (context) => {
    const site = await openStrict(context);
    await queue(site, 50_000);
    await site.local.sql(
      `select setseed(0.42);
       create table chosen as
         select id, row_number() over () % 4 as kind from (select id from meter_readings order by random() limit ${culprits}) as r;
       update meter_readings r set meter_id = 4711 from chosen c where c.id = r.id and c.kind = 0;
       update meter_readings r set value = 5000 from chosen c where c.id = r.id and c.kind = 1;
       update meter_readings r set unit = 'kilowatthours' from chosen c where c.id = r.id and c.kind = 2;
       update meter_readings r set small = 70000 from chosen c where c.id = r.id and c.kind = 3`,
    );
    await site.remote.sql(`
      create sequence attempts;
      create function count_attempt() returns trigger language plpgsql security definer as $$begin perform nextval('attempts'); return null; end$$;
      create trigger count_attempt before insert on meter_readings for each statement execute function count_attempt()`);
    const trips = countQueries(site);
    const result = await site.upload();
    expect(result).toMatchObject({ selected: 50_000, quarantined: culprits, removed: 50_000 - culprits });
    const wrong = await site.local.value(
      `select count(*) from chosen c full join meter_sync.quarantine q on q.key[1] = c.id::text where c.id is null or q.key is null`,
    );
    expect(wrong).toBe('0');
    expect(await site.count(site.remote)).toBe(50_000 - culprits);
    const halvings = Math.ceil(Math.log2(50_000));
    expect(trips()).toBeLessThan(150 + culprits * halvings);
    // A sequence does not forget what was rolled back: so many inserts were tried on the server.
    expect(Number(await site.remote.value('select last_value from attempts'))).toBeLessThan(
      50 + 2 * culprits * halvings,
    );
    expect(await site.upload()).toMatchObject({ selected: 0, inQuarantine: culprits });
  });
}

it('a reading of an unknown meter is uploaded by itself as soon as the remote has the meter', async (context) => {
  const site = await openStrict(context);
  await queue(site, 50);
  await site.local.sql(
    'update meter_readings set meter_id = 4711 where id in (3, 5); update meter_readings set meter_id = 4712 where id = 9',
  );
  expect(await site.upload()).toMatchObject({ quarantined: 3, inQuarantine: 3 });
  await site.remote.sql('insert into meter values (4711)');
  expect(await site.upload()).toMatchObject({ selected: 2, inserted: 2, removed: 2, inQuarantine: 1 });
  expect(await site.local.sql(NOTES)).toMatchObject([{ key: '9', sqlstate: '23503', tries: '1' }]);
});

it('a reading without a partition, or of a meter that cannot be looked up, is tried again by itself after a while', async (context) => {
  const site = await openSite(context, {
    remote: `
      create table meter_readings (id bigint not null, created_at timestamptz not null, value numeric, primary key (id, created_at))
        partition by range (created_at);
      create table y2026 partition of meter_readings for values from ('2026-01-01') to ('2027-01-01')`,
    readings: { key: ['id', 'created_at'] },
  });
  await site.queueReadings(1, 10);
  await site.local.sql(`update meter_readings set created_at = '2027-05-05' where id = 3`);
  expect(await site.upload()).toMatchObject({ inserted: 9, quarantined: 1, inQuarantine: 1 });
  await site.remote.sql(
    `create table y2027 partition of meter_readings for values from ('2027-01-01') to ('2028-01-01')`,
  );
  expect(await site.upload()).toMatchObject({ selected: 0, inQuarantine: 1 });
  await site.local.sql(`update meter_sync.quarantine set last_tried_at = now() - interval '11 minutes'`);
  expect(await site.upload()).toMatchObject({ selected: 1, inserted: 1, removed: 1, inQuarantine: 0 });
});

it('a reading that is refused again keeps its first try, and one that was mended is forgotten', async (context) => {
  const site = await openStrict(context);
  await queue(site, 50);
  await site.local.sql(`update meter_readings set value = 6000 where id in (3, 5, 9)`);
  await site.upload();
  await site.local.sql(`update meter_readings set value = 1 where id = 3;
    delete from meter_readings where id = 9; update meter_sync.quarantine set is_released = true`);
  expect(await site.upload()).toMatchObject({ selected: 2, inserted: 1, quarantined: 1, inQuarantine: 1 });
  const notes = await site.local.sql(
    `select key[1] as key, tries, (first_tried_at < last_tried_at)::text as later from meter_sync.quarantine`,
  );
  expect(notes).toEqual([{ key: '5', tries: '2', later: 'true' }]);
});

it('a remote that refuses many readings is to blame itself: nothing is noted, nothing moves', async (context) => {
  const site = await openStrict(context);
  await queue(site, 1_000);
  await site.local.sql('update meter_readings set value = 6000 where id % 4 = 0');
  const failure = await site.upload().catch((error: unknown) => error);
  expect(failure).toMatchObject({ kind: 'data', sqlstate: '23514', place: { side: 'remote' } });
  expect(String(failure)).toMatch(
    /more than 200 of the 1000 readings of a batch are refused .* 201 x refused by a check \(constraint plausible\)/,
  );
  expect(await site.local.value('select count(*) from meter_sync.quarantine')).toBe('0');
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([1_000, 0]);
});

it('what is no reading to blame for never fills the quarantine', async (context) => {
  const site = await openStrict(context);
  await queue(site, 100);
  await site.local.sql('update meter_readings set value = 6000 where id = 50'); // so that the careful path is taken
  const faults = [
    [
      'schema',
      `create function broken() returns trigger language plpgsql as 'begin perform missing_column from meter; return new; end'`,
    ],
    [
      'busy',
      `create or replace function broken() returns trigger language plpgsql as $$begin raise exception using errcode = 'disk_full'; end$$`,
    ],
    [
      'credentials',
      `create or replace function broken() returns trigger language plpgsql as $$begin raise exception using errcode = 'insufficient_privilege'; end$$`,
    ],
    [
      'unreachable',
      `create or replace function broken() returns trigger language plpgsql as $$begin
      if new.id = 75 then perform pg_terminate_backend(pg_backend_pid()); end if; return new; end$$`,
    ],
  ] as const;
  for (const [kind, fault] of faults) {
    await site.remote.sql(fault);
    await site.remote.sql(
      `create or replace trigger broken before insert on meter_readings for each row execute function broken()`,
    );
    await expect(site.upload()).rejects.toMatchObject({ kind, place: { side: 'remote' } });
    expect(await site.local.value('select count(*) from meter_sync.quarantine')).toBe('0');
    expect(await site.count(site.local)).toBe(100);
  }
  await site.remote.sql('drop trigger broken on meter_readings');
  expect(await site.upload()).toMatchObject({ inserted: 99, quarantined: 1 });
});

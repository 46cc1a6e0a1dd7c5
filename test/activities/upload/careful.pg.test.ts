import type { ClientBase } from 'pg';
import { expect, it, type TestContext } from 'vitest';
import { WORKER } from '../../support/rights.js';
import { openSite, type SiteUnderTest } from './site-under-test.js';
import { countQueries, openStrict, queue } from './strict-site.js';

const NOTES = `
  select key[1] as key, sqlstate, constraint_name, column_names::text as columns, message
  from meter_sync.quarantine order by key[1]::bigint`;

/** One culprit that COPY meets, and three that the table refuses. */
const SPOIL = `
  update meter_readings set meter_id = 4711 where id in (40, 299);
  update meter_readings set value = 5001 where id = 200;
  update meter_readings set unit = 'Kilowattstunden' where id = 137`;

/** What an upload of readings with four culprits comes to, and what is noted of them. */
async function uploadSpoilt(context: TestContext, prepare: string): Promise<unknown[]> {
  const site = await openStrict(context);
  await site.remote.sql(prepare);
  await queue(site, 300);
  await site.local.sql(SPOIL);
  const { selected, inserted, quarantined, removed, queueSize } = await site.upload();
  return [
    { selected, inserted, quarantined, removed, queueSize },
    await site.local.sql(NOTES),
    await site.count(site.local),
    await site.contents(site.remote, 'id'),
  ];
}

for (const [name, prepare] of [
  ['may not use', 'revoke usage on language plpgsql from public'],
  ['has not', 'drop extension plpgsql'],
] as const) {
  it(`a remote whose user ${name} PL/pgSQL keeps back the same culprits, and takes the rest`, async (context) => {
    const without = await uploadSpoilt(context, prepare);
    expect(without[0]).toMatchObject({ selected: 300, inserted: 296, quarantined: 4, removed: 296 });
    expect(without).toEqual(await uploadSpoilt(context, 'select'));
  });
}

it('without PL/pgSQL each culprit among many costs a few trips for each halving', async (context) => {
  const site = await openStrict(context);
  await queue(site, 20_000);
  await site.local.sql('update meter_readings set meter_id = 4711 where id in (1, 7777, 7778, 20000)');
  await site.remote.sql('revoke usage on language plpgsql from public');
  const trips = countQueries(site);
  expect(await site.upload()).toMatchObject({ selected: 20_000, quarantined: 4, removed: 19_996 });
  expect(trips()).toBeLessThan(100 + 4 * 2 * 3 * Math.ceil(Math.log2(20_000)));
  expect(await site.count(site.remote)).toBe(19_996);
});

it('without PL/pgSQL a remote that refuses many readings is to blame itself', async (context) => {
  const site = await openStrict(context);
  await queue(site, 1_000);
  await site.remote.sql('revoke usage on language plpgsql from public');
  await site.local.sql('update meter_readings set value = 6000 where id % 4 = 0');
  await expect(site.upload()).rejects.toMatchObject({ kind: 'data', sqlstate: '23514', place: { side: 'remote' } });
  expect(await site.local.value('select count(*) from meter_sync.quarantine')).toBe('0');
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([1_000, 0]);
});

it('where a COPY says no line, its culprits are found by halves', async (context) => {
  const site = await openStrict(context);
  await queue(site, 20_000);
  await site.local.sql(`
    update meter_readings set unit = 'Kilowattstunden' where id in (1, 7777, 7778);
    update meter_readings set value = 12345678.90 where id = 20000`);
  sayNoContext(site);
  const trips = countQueries(site);
  expect(await site.upload()).toMatchObject({ selected: 20_000, inserted: 19_996, quarantined: 4, removed: 19_996 });
  expect(trips()).toBeLessThan(100 + 4 * 2 * 3 * Math.ceil(Math.log2(20_000)));
  expect((await site.local.sql(NOTES)).map(({ key, sqlstate }) => [key, sqlstate])).toEqual([
    ['1', '22001'],
    ['7777', '22001'],
    ['7778', '22001'],
    ['20000', '22003'],
  ]);
});

/** As a server whose language puts the context of a COPY in another shape: nothing of it is understood. */
function sayNoContext({ remote }: SiteUnderTest): void {
  const known = new WeakSet<ClientBase>();
  remote.pool.on('acquire', (client) => {
    if (known.has(client)) return;
    known.add(client);
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
    connection.prependListener('errorMessage', (error: { where?: string }) => delete error.where);
  });
}

const EVENT_TRIGGER = (raise: string): string => `
  create function forbid() returns event_trigger language plpgsql as $$ begin ${raise}; end $$;
  create event trigger "Forbid" on ddl_command_start when tag in ('CREATE TABLE', 'CREATE TABLE AS') execute function forbid()`;

for (const [how, raise] of [
  ['in its own words', `raise exception 'DDL only in the maintenance window'`],
  ['with a code of its own', `raise exception 'no' using errcode = 'MT001'`],
] as const) {
  it(`an event trigger that forbids new tables ${how} is named, and is no reading's fault`, async (context) => {
    const site = await openStrict(context);
    await queue(site, 100);
    await site.remote.sql(EVENT_TRIGGER(raise));
    expect(await site.upload({ batchRows: 50 })).toMatchObject({ inserted: 100 }); // the fast path needs no table of ours
    await queue(site, 50);
    await site.local.sql(
      'update meter_readings set id = id + 1000; update meter_readings set value = 6000 where id = 1050',
    );
    await expect(site.upload()).rejects.toMatchObject({
      kind: 'schema',
      message: expect.stringContaining('"Forbid"') as unknown,
      next: expect.stringContaining('alter event trigger "Forbid" disable') as unknown,
      place: { side: 'remote' },
    });
    expect(JSON.stringify(site.logged)).not.toContain('maintenance');
    await expectNothingOf(site, { left: 50, there: 100, records: 2 });
    await site.remote.sql('alter event trigger "Forbid" disable');
    expect(await site.upload()).toMatchObject({ inserted: 49, quarantined: 1 });
  });
}

it("a disk that is full for our own table is no reading's fault, and batches keep their size", async (context) => {
  const site = await openStrict(context);
  await queue(site, 10);
  expect(await site.upload({ batchRows: 5_000 })).toMatchObject({ inserted: 10 });
  await queue(site, 100);
  await site.local.sql(
    'update meter_readings set id = id + 100; update meter_readings set value = 6000 where id = 150',
  );
  await site.remote.sql(EVENT_TRIGGER(`raise exception 'full' using errcode = 'disk_full'`));
  await expect(site.upload({ batchRows: 5_000 })).rejects.toMatchObject({ kind: 'busy', sqlstate: '53100' });
  await expectNothingOf(site, { left: 100, there: 10, records: 1 });
  const learned = 'select batch_rows from meter_sync.upload_claim order by number desc limit 1';
  expect(await site.local.value(learned)).toBe('5000');
});

it('a type that the user may not use in a table of its own is told with its grant, before anything moves', async (context) => {
  const site = await openSite(context, {
    local:
      'create table meter_readings (id bigint primary key, created_at timestamptz not null, mood text, is_synchronized boolean)',
    remote: `create type "Mood" as enum ('day', 'night'); revoke usage on type "Mood" from public;
      create table meter_readings (id bigint primary key, created_at timestamptz not null, mood "Mood", moods "Mood"[])`,
  });
  await site.local.sql(`insert into meter_readings select n, now(), 'day' from generate_series(1, 3) n`);
  await expect(site.upload()).rejects.toMatchObject({
    kind: 'credentials',
    message: expect.stringMatching(new RegExp(`grant usage on type "Mood" to ${WORKER}$`)) as unknown,
    place: { side: 'remote' },
  });
  await expectNothingOf(site, { left: 3, there: 0, records: 0 });
  await site.remote.sql(`grant usage on type "Mood" to ${WORKER}`);
  expect(await site.upload()).toMatchObject({ inserted: 3 });
});

/** A batch that was not sent: nothing is noted of it at either end. */
async function expectNothingOf(
  site: SiteUnderTest,
  { left, there, records }: { left: number; there: number; records: number },
): Promise<void> {
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([left, there]);
  expect(await site.local.value('select count(*) from meter_sync.quarantine')).toBe('0');
  expect(await site.count(site.remote, 'meter_sync.custody')).toBe(records);
}

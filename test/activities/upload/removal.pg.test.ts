import { expect, it } from 'vitest';
import { openSite, type SiteUnderTest } from './site-under-test.js';

/** What keeps readings from being removed at the site, how it is told, and what ends it. */
const OBSTACLES: readonly (readonly [
  string,
  { set: string; told: RegExp; next: RegExp; end: string; facts?: object },
])[] = [
  [
    'published with all tables, and no replica identity',
    {
      set: `alter table meter_readings drop constraint meter_readings_pkey; create unique index on meter_readings (id);
        create publication everything for all tables`,
      told: /publication everything publishes its deletes, and it has no replica identity/,
      next: /alter table meter_readings replica identity full/,
      end: 'alter table meter_readings replica identity full',
    },
  ],
  [
    'published by its name, and no replica identity',
    {
      set: 'alter table meter_readings replica identity nothing; create publication part for table meter_readings',
      told: /publication part publishes its deletes/,
      next: /alter table meter_readings replica identity full/,
      end: 'alter table meter_readings replica identity default',
    },
  ],
  [
    'a row filter outside its replica identity',
    {
      set: 'create publication part for table meter_readings where (value > 1)',
      told: /the row filter of publication part uses value/,
      next: /replica identity full/,
      end: 'alter table meter_readings replica identity full',
    },
  ],
  [
    'a list of columns without its replica identity',
    {
      set: 'create publication part for table meter_readings (created_at)',
      told: /no reading can be removed from meter_readings/,
      next: /replica identity/,
      end: 'drop publication part',
      facts: { sqlstate: '42P10' },
    },
  ],
  [
    'a row that refers to a reading',
    {
      set: `create table note (reading bigint constraint kept references meter_readings); insert into note values (7)`,
      told: /constraint kept/,
      next: /constraint kept of \S*note must let readings go/,
      end: 'delete from note',
      facts: { sqlstate: '23503', place: { side: 'local', constraint: 'kept' } },
    },
  ],
  [
    'a reference that is asked at the commit only',
    {
      set: `create table note (reading bigint constraint kept references meter_readings deferrable initially deferred);
        insert into note values (7)`,
      told: /constraint kept/,
      next: /constraint kept/,
      end: 'delete from note',
      facts: { sqlstate: '23503' },
    },
  ],
  [
    'a trigger that raises',
    {
      set: `create function keep() returns trigger language plpgsql as $$begin raise exception 'not 4711'; end$$;
        create trigger keep before delete on meter_readings for each row execute function keep()`,
      told: /keep\(\) line 1 raised an error.*no reading can be removed/,
      next: /triggers and rules of meter_readings/,
      end: 'drop trigger keep on meter_readings',
      facts: { sqlstate: 'P0001' },
    },
  ],
];

for (const [name, { set, told, next, end, facts }] of OBSTACLES) {
  it(`a removal that cannot be is known before the remote commits: ${name}`, async (context) => {
    const site = await openSite(context);
    await site.queueReadings(1, 100);
    await site.local.sql(set);
    await expect(site.upload({ batchRows: 40 })).rejects.toMatchObject({
      kind: 'schema',
      message: expect.stringMatching(told) as unknown,
      next: expect.stringMatching(next) as unknown,
      place: { side: 'local' },
      ...facts,
    });
    await expectAllHere(site);
    await site.local.sql(end);
    expect(await site.upload()).toMatchObject({ inserted: 100, alreadyThere: 0, removed: 100 });
  });
}

it('a rule that removes nothing is known before the remote commits', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  await site.local.sql('create rule keep as on delete to meter_readings do instead nothing');
  await expect(site.upload()).rejects.toThrow('taken 100 readings, but 0 would be removed');
  await expectAllHere(site);
});

it('what refuses the removal of a later batch ends the run there, and that batch is nowhere else', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  await site.local.sql('create table note (reading bigint references meter_readings); insert into note values (95)');
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(site.upload({ batchRows: 40 })).rejects.toMatchObject({ kind: 'schema', sqlstate: '23503' });
    expect([await site.count(site.local), await site.count(site.remote)]).toEqual([20, 80]);
    expect(await site.count(site.remote, 'meter_sync.custody')).toBe(2);
  }
});

it('publications that let rows go are no obstacle', async (context) => {
  const site = await openSite(context);
  await site.local.sql(`
    create publication everything for all tables;
    create publication filtered for table meter_readings (id, value) where (id > 0);
    create publication inserts for table meter_readings where (value > 0) with (publish = 'insert')`);
  await site.queueReadings(1, 10);
  expect(await site.upload()).toMatchObject({ inserted: 10, removed: 10 });
});

it('a part of the table that is published without a replica identity is named', async (context) => {
  const site = await openSite(context, {
    local: `
      create table meter_readings (id bigint not null, created_at timestamptz not null, value numeric, is_synchronized boolean)
        partition by range (created_at);
      create table y2026 partition of meter_readings for values from ('2026-01-01') to ('2027-01-01');
      create unique index on meter_readings (id, created_at);
      create publication roots for table meter_readings with (publish_via_partition_root = true)`,
    readings: { key: ['id', 'created_at'] },
    remote:
      'create table meter_readings (id bigint, created_at timestamptz, value numeric, primary key (id, created_at))',
  });
  await site.queueReadings(1, 10);
  await expect(site.upload()).rejects.toMatchObject({
    kind: 'schema',
    next: expect.stringContaining('alter table y2026 replica identity full') as unknown,
  });
});

it('without custody a constraint that speaks at the commit of the remote keeps back its culprit alone', async (context) => {
  const site = await openSite(context, { readings: { custody: 'off' } });
  await site.remote.sql(`
    create table meter (id numeric primary key);
    insert into meter select generate_series(1, 99);
    alter table meter_readings add foreign key (value) references meter deferrable initially deferred`);
  await site.queueReadings(1, 100);
  expect(await site.upload()).toMatchObject({ selected: 100, inserted: 99, quarantined: 1, removed: 99 });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([1, 99]);
});

async function expectAllHere(site: SiteUnderTest): Promise<void> {
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([100, 0]);
  expect(await site.count(site.remote, 'meter_sync.custody')).toBe(0);
}

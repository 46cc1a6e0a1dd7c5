import type { PoolClient } from 'pg';
import { describe, expect, it } from 'vitest';
import { planUpload } from '../../../activities/upload/plan/plan-upload.js';
import { until } from '../../support/wait.js';
import { openSite, type SiteOptions, type SiteUnderTest, toSite } from './site-under-test.js';

const COLUMNS = 'id bigint primary key, created_at timestamptz not null, value numeric';
const DO_NOTHING = `create function act() returns trigger language plpgsql as 'begin return new; end'`;

/** A remote, and how far a batch must have come on it before the next one may stream. */
const REMOTES: readonly (SiteOptions & { readonly title: string; readonly overlap: string })[] = [
  { title: 'a plain table', overlap: 'sent' },
  {
    title: 'a unique index that holds the key and more',
    remote: `create table meter_readings (${COLUMNS}); create unique index on meter_readings (value, id)`,
    overlap: 'sent',
  },
  {
    title: 'a reference to another table',
    remote: `create table units (value numeric primary key);
      create table meter_readings (${COLUMNS}, foreign key (value) references units)`,
    overlap: 'sent',
  },
  {
    title: 'another unique key',
    remote: `create table meter_readings (${COLUMNS}); create unique index on meter_readings (value)`,
    overlap: 'arrived',
  },
  {
    title: 'a unique index on an expression',
    remote: `create table meter_readings (${COLUMNS}); create unique index on meter_readings ((id % 1000))`,
    overlap: 'arrived',
  },
  {
    title: 'a constraint that excludes',
    remote: `create table meter_readings (${COLUMNS}, exclude using btree (value with =))`,
    overlap: 'arrived',
  },
  {
    title: 'a trigger',
    remote: `create table meter_readings (${COLUMNS}); ${DO_NOTHING};
      create trigger act before insert on meter_readings for each row execute function act()`,
    overlap: 'arrived',
  },
  {
    title: 'a trigger on a partition alone',
    remote: `create table meter_readings (${COLUMNS}) partition by range (id);
      create table part partition of meter_readings for values from (0) to (1000000); ${DO_NOTHING};
      create trigger act before insert on part for each row execute function act()`,
    overlap: 'arrived',
  },
  {
    title: 'a constraint that is asked at the commit',
    remote: `create table meter_readings (${COLUMNS}, unique (value) deferrable initially deferred)`,
    overlap: 'done',
  },
  {
    title: 'a constraint of a partition that is asked at the commit',
    remote: `create table meter_readings (${COLUMNS}) partition by range (id);
      create table part partition of meter_readings for values from (0) to (1000000);
      alter table part add unique (value) deferrable initially deferred`,
    overlap: 'done',
  },
  {
    title: 'a key of another type',
    local: `create table meter_readings (id integer primary key, created_at timestamptz not null, value numeric,
      is_synchronized boolean default false)`,
    overlap: 'arrived',
  },
  {
    title: 'a text key under a collation that takes different texts for one',
    local: `create table meter_readings (id text primary key, created_at timestamptz not null, value numeric,
      is_synchronized boolean default false)`,
    remote: `create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      create table meter_readings (id text collate blind primary key, created_at timestamptz not null, value numeric)`,
    overlap: 'arrived',
  },
];

describe('a batch streams once the one before it', () => {
  it.for(REMOTES)('is $overlap: $title', async ({ overlap, ...options }, context) => {
    const site = await openSite(context, options);
    expect(await planUpload(site.ends, new AbortController().signal)).toMatchObject({ overlap });
  });
});

it('two batches stream at once, and what holds the first keeps the second from nothing but its commit', async (context) => {
  const site = await openSite(context, {
    remote: `create table units (value numeric primary key); insert into units select n from generate_series(1, 400) as n;
      create table meter_readings (${COLUMNS}, foreign key (value) references units)`,
  });
  await site.queueReadings(1, 400);
  const { upload, letGo } = await uploadWhileHeld(site);
  const inTransaction = `select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null`;
  for (let look = 0; look < 50; look += 1) {
    expect(Number(await site.remote.value(inTransaction))).toBe(3); // the two batches, and the one who holds the first
  }
  expect(await site.remote.value('select count(*) from meter_sync.custody')).toBe('0');
  await letGo();
  expect(await upload).toMatchObject({ batches: 4, inserted: 400, removed: 400 });
  expect(await site.remote.value('select string_agg(rows::text, $$ $$ order by seq) from meter_sync.custody')).toBe(
    '100 100 100 100',
  );
});

it('when the first of two that stream at once is refused, it goes the careful way before the second commits', async (context) => {
  const site = await openSite(context, {
    remote: `create table units (value numeric primary key); insert into units select n from generate_series(1, 400) as n;
      delete from units where value = 77;
      create table meter_readings (${COLUMNS}, foreign key (value) references units)`,
  });
  await site.queueReadings(1, 400);
  const { upload, letGo } = await uploadWhileHeld(site);
  await letGo();
  expect(await upload).toMatchObject({ batches: 4, inserted: 399, quarantined: 1, removed: 399 });
  expect(await site.remote.value('select string_agg(rows::text, $$ $$ order by seq) from meter_sync.custody')).toBe(
    '99 100 100 100',
  );
});

it('a circle of waiting through a transaction of the customer ends by itself, and both batches are tried again', async (context) => {
  const site = await openSite(context, {
    remote: `create table units (value numeric primary key); insert into units select n from generate_series(1, 1000) as n;
      create table meter_readings (${COLUMNS}, foreign key (value) references units)`,
  });
  await site.queueReadings(1, 400);
  const hurried = toSite({ ...site, lockTimeoutMs: 1_000 }, site.ends.readings);
  const { upload, holder, letGo } = await uploadWhileHeld(hurried);
  const customer = holder.query('update units set value = 1150 where value = 150'); // waits for the second batch
  await expect(upload).rejects.toMatchObject({ kind: 'busy', sqlstate: '55P03', place: { side: 'remote' } });
  await customer;
  await letGo();
  expect(await site.upload({ batchRows: 100 })).toMatchObject({ inserted: 400, removed: 400 });
});

interface Held {
  readonly upload: Promise<unknown>;
  readonly holder: PoolClient;
  readonly letGo: () => Promise<void>;
}

/** Uploads while the reference of reading 50 cannot be looked at, until two batches have been streamed. */
async function uploadWhileHeld(site: SiteUnderTest): Promise<Held> {
  const holder = await site.remote.admin.pool.connect();
  await holder.query('begin; select from units where value = 50 for update');
  const upload = site.upload({ batchRows: 100 });
  upload.catch(() => undefined); // looked at by the test
  const letGo = async (): Promise<void> => {
    await holder.query('rollback');
    holder.release();
  };
  const copying = (state: string): string =>
    `select pid from pg_stat_activity where datname = current_database() and ${state} and query ilike 'copy%'`;
  try {
    await until(() => site.remote.value(copying(`wait_event_type = 'Lock'`)), { what: 'the first batch is held' });
    await until(() => site.remote.value(copying(`state = 'idle in transaction'`)), { what: 'the second has arrived' });
  } catch (error) {
    await letGo();
    throw error;
  }
  return { upload, holder, letGo };
}

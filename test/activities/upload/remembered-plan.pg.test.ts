import pg, { escapeIdentifier as ident } from 'pg';
import { expect, inject, it, type TestContext } from 'vitest';
import { recallPlan } from '../../../activities/upload/plan/known-plan.js';
import { countMessages } from '../../support/count-messages.js';
import type { TestDatabase } from '../../support/postgres.js';
import { until } from '../../support/wait.js';
import { openSite, type SiteOptions, type SiteUnderTest } from './site-under-test.js';

/** A site whose first upload has been, so that its worker remembers both tables. */
async function openKnownSite(context: Pick<TestContext, 'task'>, options?: SiteOptions): Promise<SiteUnderTest> {
  const site = await openSite(context, options);
  await site.queueReadings(1, 5);
  expect(await site.upload()).toMatchObject({ inserted: 5, queueSize: 0 });
  await site.queueReadings(6, 10);
  return site;
}

it('an empty queue costs the remote nothing, and the site a few messages', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 5);
  await site.upload();
  const [here, there] = [countMessages(site.local.pool), countMessages(site.remote.pool)];
  await site.remote.pool.query('select'); // the count counts
  expect(there.messages).toBe(1);
  const result = await site.upload();
  expect(result).toMatchObject({ batches: 0, queueSize: 0, totalUploaded: 5, remoteAsked: false });
  expect(there).toEqual({ connections: 0, messages: 1 });
  expect(here.messages).toBeLessThanOrEqual(5);
});

it('catalogues are not read again for a batch while both tables are what they were', async (context) => {
  const site = await openKnownSite(context);
  const [here, there] = [countMessages(site.local.pool), countMessages(site.remote.pool)];
  expect(await site.upload()).toMatchObject({ inserted: 5, queueSize: 0 });
  expect(there.messages).toBeLessThanOrEqual(4);
  expect(here.messages).toBeLessThanOrEqual(22);
});

it.for([
  ['a column of the site that the remote lacks', 'local', 'alter table meter_readings add column phase text', /phase/],
  ['a remote column that would round', 'remote', 'alter table meter_readings alter value type numeric(9,1)', /value/],
  ['a remote table without its key', 'remote', 'alter table meter_readings drop constraint meter_readings_pkey', /key/],
  [
    'a remote column that now must have a value',
    'remote',
    `alter table meter_readings add column unit text not null default 'kWh';
     alter table meter_readings alter unit drop default`,
    /unit/,
  ],
  ['a remote table that is not durable', 'remote', 'alter table meter_readings set unlogged', /unlogged/],
] as const)('%s stops the upload by name, whatever is remembered', async ([, side, change, name], context) => {
  const site = await openKnownSite(context);
  await site[side].sql(change);
  await expect(site.upload()).rejects.toMatchObject({ kind: 'schema', message: name });
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([5, 5]);
});

it('a change that both ends have made is met within the run', async (context) => {
  const site = await openKnownSite(context);
  for (const end of [site.local, site.remote]) await end.sql('alter table meter_readings rename value to energy');
  expect(await site.upload()).toMatchObject({ inserted: 5, queueSize: 0 });
  await site.local.sql('alter table meter_readings add column phase text');
  await site.remote.sql('alter table meter_readings add column phase text');
  await site.local.sql(`insert into meter_readings values (11, now(), 1, false, 'L1')`);
  expect(await site.upload()).toMatchObject({ inserted: 1, queueSize: 0 });
  expect(await site.remote.value('select phase from meter_readings where id = 11')).toBe('L1');
});

it('a remote index that was made meanwhile changes how batches overlap', async (context) => {
  const site = await openKnownSite(context);
  expect(recallPlan(site.ends)?.plan.overlap).toBe('sent');
  await site.remote.sql('create unique index on meter_readings (created_at)');
  expect(await site.upload()).toMatchObject({ inserted: 5, queueSize: 0 });
  expect(recallPlan(site.ends)?.plan.overlap).toBe('arrived');
});

it('an older copy of the remote behind the same address fences the site', async (context) => {
  const site = await openKnownSite(context);
  const copy = await copyOf(site.remote);
  expect(await site.upload()).toMatchObject({ inserted: 5 });
  await swap(site.remote, copy);
  await site.queueReadings(11, 12);
  await expect(site.upload()).rejects.toMatchObject({ kind: 'fenced' });
  expect(await site.count(site.local)).toBe(2);
});

it('connections that the server has ended meanwhile are replaced without a failure', async (context) => {
  const site = await openKnownSite(context);
  expect(site.remote.pool.idleCount).toBeGreaterThan(0);
  await leave(site.remote);
  expect(await site.upload()).toMatchObject({ inserted: 5, queueSize: 0 });
});

/** A copy of a database as it is now. @returns its name */
async function copyOf(database: TestDatabase): Promise<string> {
  const name = `${database.settings.database}_copy`;
  await leave(database);
  await onRemoteServer(`create database ${ident(name)} template ${ident(database.settings.database)}`);
  return name;
}

/** Puts another database in the place of one. */
async function swap(database: TestDatabase, other: string): Promise<void> {
  await leave(database);
  const { database: name } = database.settings;
  await onRemoteServer(`drop database ${ident(name)} with (force)`);
  await onRemoteServer(`alter database ${ident(other)} rename to ${ident(name)}`);
}

/** Ends the idle connections to a database, which a server neither copies nor renames while somebody is there. */
async function leave({ settings: { database }, pool }: TestDatabase): Promise<void> {
  const others = `select pg_terminate_backend(pid) from pg_stat_activity where datname = ${pg.escapeLiteral(database)}`;
  await onRemoteServer(others);
  await until(() => pool.totalCount === 0, { what: 'the idle connections to be gone' });
}

async function onRemoteServer(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('stack').remote });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

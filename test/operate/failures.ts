import pg from 'pg';
import type { Actor, Card, VerdictName } from '../../src/model/finding.js';
import type { TestDatabase } from '../support/postgres.js';
import { WORKER } from '../support/rights.js';
import { until } from '../support/wait.js';
import type { Run, Surface } from './surfaces.js';
import type { WatchedSite } from './watched-sites.js';

/** A failure that is brought about at a site, and what every surface must say of it then. */
export interface Failure {
  /** As docs/operations.md calls it. */
  readonly name: string;
  readonly happen: (site: WatchedSite, run: Run) => Promise<unknown>;
  /** Ends it, without a restart of anything. */
  readonly mend: (site: WatchedSite, run: Run) => Promise<unknown>;
  readonly verdict: VerdictName;
  readonly card: Card;
  readonly actor: Actor;
  /** What is as right: which attempt meets the failure, and how far it has come, is chance. */
  readonly orAs?: { readonly verdict: VerdictName; readonly card: Card; readonly actor: Actor };
  readonly reason: RegExp;
  readonly next: RegExp;
  /** While Temporal tries again, or an attempt waits, the workflow does not know of it; absent: it knows with the next cycle. */
  readonly isTriedLong?: true;
  /** Who can know of it before the tries of a wait are over; absent: every surface. */
  readonly knownTo?: readonly Surface[];
  /** Within how many seconds those know who hear of attempts; absent: `AT_ONCE_SECONDS`. */
  readonly withinSeconds?: number;
}

/** They hear of an attempt at once; the others when the workflow does. */
export const AT_ONCE: readonly Surface[] = ['health', 'metrics', 'status'];

/** What each site in turn suffers. */
export function listFailures(): readonly Failure[] {
  return [
    {
      name: 'remote down',
      happen: ({ links }) => links.remote.down(),
      mend: ({ links }) => links.remote.up(),
      ...{ verdict: 'stuck', card: 'unreachable', actor: 'operator' },
      reason: /remote database/,
      next: /continues by itself once the server answers/,
      isTriedLong: true,
    },
    {
      name: 'local down',
      happen: ({ links }) => links.local.down(),
      mend: ({ links }) => links.local.up(),
      ...{ verdict: 'stuck', card: 'unreachable', actor: 'operator' },
      reason: /local database/,
      next: /continues by itself once the server answers/,
      isTriedLong: true,
    },
    {
      name: 'link silent',
      happen: async ({ links }) => links.remote.freeze(),
      mend: async ({ links }) => links.remote.thaw(),
      ...{ verdict: 'warning', card: 'waiting', actor: 'remoteDba' },
      orAs: { verdict: 'stuck', card: 'unreachable', actor: 'operator' }, // a connection that was to be opened
      reason: /remote database/,
      next: /meter-sync check --site/,
      knownTo: AT_ONCE,
      withinSeconds: 35, // a wait is told after 15
    },
    {
      name: 'table locked',
      happen: ({ remote }) => lock(remote),
      mend: ({ remote }) => unlock(remote),
      ...{ verdict: 'warning', card: 'waiting', actor: 'remoteDba' },
      orAs: { verdict: 'stuck', card: 'busy', actor: 'remoteDba' },
      reason: /a lock on meter_readings, held by session \d+ \(user \w+, night job/,
      next: /meter-sync check --site/,
      knownTo: AT_ONCE,
    },
    {
      name: 'wrong password',
      happen: async ({ remote, remotePassword }) => {
        remotePassword.write('another one');
        await endSessions(remote);
      },
      mend: async ({ remotePassword }) => remotePassword.write(remotePassword.right),
      ...{ verdict: 'stuck', card: 'credentials', actor: 'remoteDba' },
      reason: /password/,
      next: /DBA of the remote database/,
    },
    {
      name: 'right revoked',
      happen: ({ remote }) => remote.sql(`revoke insert on meter_readings from ${WORKER}`),
      mend: ({ remote }) => remote.sql(`grant insert on meter_readings to ${WORKER}`),
      ...{ verdict: 'stuck', card: 'credentials', actor: 'remoteDba' },
      reason: /insert.*meter_readings/,
      next: /DBA of the remote database/,
    },
    {
      name: 'table gone',
      happen: ({ remote }) => remote.sql('alter table meter_readings rename to elsewhere'),
      mend: ({ remote }) => remote.sql('alter table elsewhere rename to meter_readings'),
      ...{ verdict: 'stuck', card: 'schema', actor: 'remoteDba' },
      reason: /meter_readings/,
      next: /DBA of the remote database/,
    },
    {
      name: 'column gone',
      happen: ({ remote }) => remote.sql('alter table meter_readings rename demand to demanded'),
      mend: ({ remote }) => remote.sql('alter table meter_readings rename demanded to demand'),
      ...{ verdict: 'stuck', card: 'schema', actor: 'remoteDba' },
      reason: /demand/,
      next: /demand/,
    },
    {
      name: 'poison reading',
      happen: async ({ local, remote }) => {
        await remote.sql('alter table meter_readings add constraint poison check (demand < 100)');
        await local.sql('insert into meter_readings (meter_id, created_at, demand) values (1, now(), 1000)');
      },
      mend: async ({ siteId, remote }, run) => {
        await remote.sql('alter table meter_readings drop constraint poison');
        await run(['quarantine', 'retry', '--all', '--site', siteId]);
      },
      ...{ verdict: 'warning', card: 'quarantine', actor: 'operator' },
      reason: /1 reading is refused by the remote/,
      next: /meter-sync quarantine list --site/,
    },
    {
      name: 'fenced',
      happen: async ({ local, addReading }) => {
        await local.sql('create table before as select * from meter_sync.upload_state');
        for (const batch of [1, 2]) {
          await addReading();
          const isEmpty = async (): Promise<boolean> =>
            (await local.value('select count(*) from meter_readings')) === '0';
          await until(isEmpty, { what: `batch ${batch} on the remote` });
        }
        await local.sql(`
        create table kept as select * from meter_sync.upload_state;
        delete from meter_sync.upload_state;
        insert into meter_sync.upload_state select * from before`); // as a backup of the site would have it
      },
      mend: ({ local }) =>
        local.sql('delete from meter_sync.upload_state; insert into meter_sync.upload_state select * from kept'),
      ...{ verdict: 'blocked', card: 'fenced', actor: 'operator' },
      reason: /upload: /,
      next: /meter-sync adopt --site/,
    },
    {
      name: 'download held',
      happen: ({ remote }) =>
        remote.sql('create table kept as select * from meter where id > 1; delete from meter where id > 1'),
      mend: ({ remote }) => remote.sql('insert into meter select * from kept'),
      ...{ verdict: 'blocked', card: 'held', actor: 'operator' },
      reason: /meters: .*meter/,
      next: /meter-sync downloads show --site/,
    },
    {
      name: 'disk full',
      happen: ({ remote }) =>
        remote.sql(`
        create function full_disk() returns trigger language plpgsql as
          $$ begin raise exception using errcode = 'disk_full', message = 'no space left on device'; end $$;
        create trigger full_disk before insert on meter_readings for each row execute function full_disk()`),
      mend: ({ remote }) => remote.sql('drop trigger full_disk on meter_readings'),
      ...{ verdict: 'stuck', card: 'busy', actor: 'remoteDba' },
      reason: /disk/,
      next: /DBA of the remote database/,
    },
    {
      name: 'connections exhausted',
      happen: async ({ remote }) => {
        await alterDatabase(remote, 'connection limit 0');
        await endSessions(remote);
      },
      mend: ({ remote }) => alterDatabase(remote, 'connection limit -1'),
      ...{ verdict: 'stuck', card: 'busy', actor: 'remoteDba' },
      reason: /connections/,
      next: /DBA of the remote database/,
    },
    {
      name: 'clocks apart',
      happen: async ({ local }) => {
        await local.sql(`
        create schema ahead;
        create function ahead.clock_timestamp() returns timestamptz language sql as
          $$ select pg_catalog.clock_timestamp() + interval '1 hour' $$`);
        await alterDatabase(local, 'set search_path to ahead, pg_catalog, public');
        await endSessions(local);
      },
      mend: async (site) => {
        await alterDatabase(site.local, 'reset search_path');
        await endSessions(site.local);
        await site.addReading(); // clocks are compared where a batch moves
      },
      ...{ verdict: 'warning', card: 'clocks', actor: 'operator' },
      reason: /the local server's clock is .* ahead of the remote's/,
      next: /meter-sync check --site/,
    },
    {
      name: 'paused and forgotten',
      happen: ({ siteId }, run) => run(['pause', '--site', siteId, '--by', 'anna', '--reason', 'new server']),
      mend: ({ siteId }, run) => run(['resume', '--site', siteId]),
      ...{ verdict: 'paused', card: 'paused', actor: 'operator' },
      reason: /paused by anna \(new server\)/,
      next: /meter-sync resume --site/,
    },
    {
      name: 'stopped',
      happen: ({ siteId }, run) => run(['stop', '--wait', '--site', siteId]),
      mend: ({ siteId }, run) => run(['start', '--site', siteId]),
      ...{ verdict: 'stopped', card: 'stopped', actor: 'operator' },
      reason: /the sync was stopped; readings wait at the site/,
      next: /meter-sync start --site/,
    },
  ];
}

/** The way of a password that was changed: sessions that are open stay so. */
async function endSessions({ sql }: TestDatabase): Promise<void> {
  await sql(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = '${WORKER}'`,
  );
}

async function alterDatabase({ sql }: TestDatabase, change: string): Promise<void> {
  await sql(`do $do$ begin execute format('alter database %I ${change}', current_database()); end $do$`);
}

const HOLDER = 'night job';

/** Another session holds the table, until it is ended. */
async function lock({ admin }: TestDatabase): Promise<void> {
  const holder = new pg.Client({ connectionString: admin.url, application_name: HOLDER });
  holder.on('error', () => undefined); // it is ended from outside
  await holder.connect();
  await holder.query('begin; lock table meter_readings in access exclusive mode');
}

async function unlock({ sql }: TestDatabase): Promise<void> {
  await sql(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = '${HOLDER}'`,
  );
}

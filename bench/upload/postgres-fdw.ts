import pg from 'pg';
import type { Contestant } from '../contestant.js';
import { sql } from '../servers.js';
import { namesOf, QUEUED, type UploadSite } from './site.js';

/** The site's server writes into the customer's table as if it were its own, and deletes in the same transaction. */
export function postgresFdwPush(name: string, batchSize: number): Contestant<UploadSite> {
  return {
    name,
    note: `insert into the foreign table and DELETE in one transaction, batch_size ${batchSize}`,
    isRepeatSafe: false,
    usesOtherPrograms: true,
    open: async (site) => {
      await mount({ on: site.localUrl, from: site.remoteUrl, option: `batch_size '${batchSize}'` });
      const names = namesOf(site);
      return {
        run: async () =>
          void (await sql(
            site.localUrl,
            `begin isolation level repeatable read;
             insert into other_end.meter_readings (${names}) select ${names} from ${QUEUED};
             delete from ${QUEUED};
             commit`,
          )),
        close: () => Promise.resolve(),
      };
    },
  };
}

/** The customer's server reads the site's table as if it were its own; the DELETE follows when that is committed. */
export function postgresFdwPull(fetchSize: number): Contestant<UploadSite> {
  return {
    name: 'postgres_fdw pull',
    note: `insert from the foreign table, fetch_size ${fetchSize.toLocaleString('en')}, then one DELETE; loses what arrives in between`,
    isRepeatSafe: false,
    usesOtherPrograms: true,
    open: async (site) => {
      await mount({ on: site.remoteUrl, from: site.localUrlFromRemote, option: `fetch_size '${fetchSize}'` });
      const names = namesOf(site);
      return {
        run: async () => {
          await sql(site.remoteUrl, `insert into meter_readings (${names}) select ${names} from other_end.${QUEUED}`);
          await sql(site.localUrl, `delete from ${QUEUED}`);
        },
        close: () => Promise.resolve(),
      };
    },
  };
}

/** Makes the tables of one end visible at the other one, in the schema `other_end`. */
async function mount({ on, from, option }: { on: string; from: string; option: string }): Promise<void> {
  const { hostname, port, username, password, pathname } = new URL(from);
  const [host, database, user, secret] = [hostname, pathname.slice(1), username, password].map((part) =>
    pg.escapeLiteral(decodeURIComponent(part)),
  );
  await sql(
    on,
    `create extension postgres_fdw;
     create server other_end foreign data wrapper postgres_fdw
       options (host ${host}, port '${port}', dbname ${database}, ${option});
     create user mapping for current_user server other_end options (user ${user}, password ${secret});
     create schema other_end;
     import foreign schema public limit to (meter_readings) from server other_end into other_end`,
  );
}

import type { Contestant } from '../contestant.js';
import { mount } from '../mount.js';
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
      await mount({
        on: site.localUrl,
        from: site.remoteUrl,
        table: 'meter_readings',
        option: `batch_size '${batchSize}'`,
      });
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
      await mount({
        on: site.remoteUrl,
        from: site.localUrlFromRemote,
        table: 'meter_readings',
        option: `fetch_size '${fetchSize}'`,
      });
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

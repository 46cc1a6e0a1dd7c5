import pg from 'pg';
import type { Contestant } from '../contestant.js';
import { mount } from '../mount.js';
import { sql } from '../servers.js';
import { METER_NAMES } from './meter-table.js';
import type { DownloadSite } from './site.js';

const FETCH_SIZE = 10_000;

/** The site's server joins its own table with the customer's. */
export const FDW_JOIN: Contestant<DownloadSite> = {
  name: 'postgres_fdw join',
  note: `one statement that fetches everything and writes what differs, foreign table analyzed, fetch_size ${FETCH_SIZE.toLocaleString('en')}`,
  isRepeatSafe: true,
  usesOtherPrograms: true,
  open: async ({ localUrl, remoteUrl }) => {
    await mount({ on: localUrl, from: remoteUrl, table: 'meter', option: `fetch_size '${FETCH_SIZE}'` });
    await sql(localUrl, 'analyze other_end.meter'); // without it a million rows are taken for a hundred, and joined as such
    const local = new pg.Client({ connectionString: localUrl });
    await local.connect();
    await local.query('set enable_nestloop = off'); // else an empty table is read anew for each row while it fills
    await local.query('select from other_end.meter limit 1'); // connects the servers, off the clock as for the others
    return { run: async () => void (await local.query(MAKE_EQUAL)), close: () => local.end() };
  },
};

const ROW = (alias: string): string => `(${METER_NAMES.map((name) => `${alias}.${name}`).join(', ')})`;

const MAKE_EQUAL = `
  with remote as materialized (
    select * from other_end.meter
  ), changed as (
    update meter as m
    set ${METER_NAMES.slice(1)
      .map((name) => `${name} = r.${name}`)
      .join(', ')}
    from remote as r
    where r.id = m.id
      and ${ROW('m')} is distinct from ${ROW('r')}
  )
  insert into meter (${METER_NAMES.join(', ')})
  select ${METER_NAMES.map((name) => `r.${name}`).join(', ')}
  from remote as r
  where not exists (select from meter as m where m.id = r.id)`;

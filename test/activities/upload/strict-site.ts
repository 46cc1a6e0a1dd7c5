import { openSite, type SiteUnderTest } from './site-under-test.js';

/** A remote that refuses readings in every way that a reading can deserve. */
const STRICT = `
  create table meter (id bigint primary key);
  insert into meter select generate_series(1, 10);
  create table meter_readings (
    id bigint primary key,
    created_at timestamptz not null,
    meter_id bigint not null references meter,
    value numeric(8, 2) constraint plausible check (value < 5000),
    unit varchar(10),
    small smallint
  )`;
const LOOSE = `
  create table meter_readings (
    id bigint primary key,
    created_at timestamptz,
    meter_id bigint,
    value numeric(18, 2),
    unit text,
    small bigint,
    is_synchronized boolean default false
  );
  create index on meter_readings (created_at, id)`;

/** A site whose remote is strict, and whose table takes all. */
export const openStrict = (context: Parameters<typeof openSite>[0]): Promise<SiteUnderTest> =>
  openSite(context, { local: LOOSE, remote: STRICT });

/** Queues readings with the keys from 1 that the remote takes. */
export const queue = (site: SiteUnderTest, rows: number): Promise<unknown> =>
  site.local.sql(
    `insert into meter_readings
     select n, '2026-01-01'::timestamptz + n * interval '1 second', 1 + n % 10, n % 1000, 'kWh', n % 100
     from generate_series(1, $1::int) as n`,
    [rows],
  );

/** Counts the messages that the remote's connections are sent from now on. */
export function countQueries(site: SiteUnderTest): () => number {
  let queries = 0;
  site.remote.pool.on('acquire', (client) => {
    const counted = client as unknown as { query: (...args: unknown[]) => unknown; isCounted?: boolean };
    if (counted.isCounted === true) return;
    const query = counted.query.bind(client);
    Object.assign(counted, {
      isCounted: true,
      query: (...args: unknown[]) => {
        queries += 1;
        return query(...args);
      },
    });
  });
  return () => queries;
}

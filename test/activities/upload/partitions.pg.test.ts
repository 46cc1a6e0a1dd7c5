import { expect, it } from 'vitest';
import { createDatabaseOn } from '../../support/postgres.js';
import { UPLOADED } from '../../support/rights.js';
import { NO_OTHER_VERSION, startSystemPostgres } from '../../support/system-postgres.js';
import { openSite, PLAIN_READINGS, type SiteUnderTest, toSite } from './site-under-test.js';

/** `METER_SYNC_PARTITIONS=2000` for a server whose `max_locks_per_transaction` is as it comes. */
const PARTITIONS = Number(process.env['METER_SYNC_PARTITIONS'] ?? 300);
/** As few locks in proportion: the partitions have four each, with their indexes. */
const FEW_LOCKS = {
  ...{ max_locks_per_transaction: '10', max_connections: '12' },
  ...{ max_wal_senders: '0', max_worker_processes: '1', autovacuum_max_workers: '1' },
};
const SETTINGS = PARTITIONS < 1_000 ? FEW_LOCKS : {};
/** As many as one transaction of the test itself may touch. */
const AT_ONCE = 10;

it.skipIf(NO_OTHER_VERSION !== null)(
  'a table of more partitions than the server has locks drains, late readings included',
  async (context) => {
    const { url } = await startSystemPostgres({ settings: SETTINGS });
    const local = await createDatabaseOn(url, 'local', context, UPLOADED);
    const { remote } = await openSite(context);
    await remote.sql('alter table meter_readings alter created_at drop not null');
    await local.sql(
      `create table meter_readings (id bigint not null, created_at timestamptz, value numeric, is_synchronized boolean default false) partition by range (created_at);
       create table meter_readings_default partition of meter_readings default;
       create index on meter_readings (created_at, id) where is_synchronized is not true;
       create index on meter_readings (created_at)`,
    );
    for (let from = 0; from < PARTITIONS; from += AT_ONCE) {
      await local.sql(`do $$begin
        for n in ${from}..${from + AT_ONCE - 1} loop
          execute format('create table meter_readings_%s partition of meter_readings (primary key (id)) for values from (%L) to (%L)',
            n, ${day('n')}, ${day('n + 1')});
        end loop;
      end$$`);
    }
    const site = toSite({ local, remote }, PLAIN_READINGS);

    for (let from = 0; from < PARTITIONS; from += AT_ONCE)
      await insert(site, from * 5, `${day(`${from} + n % ${AT_ONCE}`)} + n * interval '1 ms'`);
    const first = await site.upload({ batchRows: 250 });
    expect(first).toMatchObject({ removed: PARTITIONS * 5, queueSize: 0, queueSizeIsEstimate: false });

    // In the middle, before the first partition and behind the last one, and without an instant.
    await insert(
      site,
      PARTITIONS * 5,
      `case n % 4 when 0 then ${day('40')} when 1 then ${day('-9')} when 2 then ${day(`${PARTITIONS} + 9`)} end`,
    );
    const before = await site.upload({ earlyEnd: AbortSignal.abort() });
    expect(before).toMatchObject({ queueSize: 50, more: true, oldestUnsynced: '2019-12-23T00:00:00.000000Z' });
    expect(await site.upload({ batchRows: 250 })).toMatchObject({ removed: 50, queueSize: 0, oldestUnsynced: null });
    expect(await site.upload()).toMatchObject({ batches: 0, queueSize: 0, remoteAsked: false });
    expect(await site.count(remote)).toBe(PARTITIONS * 5 + 50);
    expect(await site.count(local, 'only meter_readings_default')).toBe(0);
  },
  600_000,
);

function day(n: string): string {
  return `('2020-01-01 00:00:00+00'::timestamptz + (${n}) * interval '1 day')`;
}

/** 50 readings. */
async function insert({ local }: SiteUnderTest, from: number, at: string): Promise<void> {
  await local.sql(`insert into meter_readings (id, created_at, value)
    select n, ${at}, n from generate_series(${from}, ${from + 49}) as n`);
}

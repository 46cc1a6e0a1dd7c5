import { expect, it, type TestContext } from 'vitest';
import { createDatabaseOn, createDatabases } from '../../support/postgres.js';
import { UPLOADED } from '../../support/rights.js';
import { GERMAN, NO_GERMAN, startSystemPostgres } from '../../support/system-postgres.js';
import { PLAIN_READINGS, type SiteUnderTest, toSite } from './site-under-test.js';

const LOCAL = `
  create table meter_readings (
    id bigint primary key,
    created_at timestamptz,
    value numeric(18, 2),
    unit text,
    is_synchronized boolean default false
  );
  create index on meter_readings (created_at, id)`;
const REMOTE = `
  create table meter_readings (
    id bigint primary key,
    created_at timestamptz not null,
    value numeric(8, 2) constraint plausible check (value < 5000),
    unit varchar(10)
  )`;
/** A trigger that refuses one reading, in words and with a code of its own. */
const REFUSE = `
  create function refuse() returns trigger language plpgsql as $$ begin
    if new.id = 7 then raise exception 'Zähler 4711: %', new.value using errcode = 'MT001', hint = new.unit; end if;
    return new; end $$;
  create trigger refuse before insert on meter_readings for each row execute function refuse()`;

/** A site whose remote is Debian's PostgreSQL in German. */
async function openGermanSite(context: TestContext): Promise<SiteUnderTest> {
  const { url } = await startSystemPostgres({ settings: { lc_messages: GERMAN } });
  const { local } = await createDatabases(context, 'bookkeeping', UPLOADED);
  const remote = await createDatabaseOn(url, 'remote', context, UPLOADED);
  await local.sql(LOCAL);
  await remote.sql(REMOTE);
  await local.sql(`insert into meter_readings
    select n, '2026-01-01'::timestamptz + n * interval '1 second', n, 'kWh' from generate_series(1, 300) n`);
  return toSite({ local, remote }, PLAIN_READINGS);
}

it.skipIf(NO_GERMAN)(
  'exactly the bad readings stay, whatever the remote speaks and whatever code a trigger raises',
  async (context) => {
    const site = await openGermanSite(context);
    await site.remote.sql(REFUSE);
    await site.local.sql(`
    update meter_readings set value = 12345678.90 where id = 40;
    update meter_readings set unit = 'Kilowattstunden' where id = 137;
    update meter_readings set value = 5001 where id = 200;
    update meter_readings set created_at = null where id = 250`);
    const result = await site.upload();
    expect(result).toMatchObject({ selected: 300, inserted: 295, quarantined: 5, removed: 295 });
    const notes = await site.local.sql<Record<string, string>>(
      'select key[1] as key, sqlstate, message from meter_sync.quarantine order by key[1]::bigint',
    );
    expect(notes.map(({ key, sqlstate }) => [key, sqlstate])).toEqual([
      ['7', 'MT001'],
      ['40', '22003'],
      ['137', '22001'],
      ['200', '23514'],
      ['250', '23502'],
    ]);
    const told = JSON.stringify([notes, site.logged, result]);
    expect(told).not.toMatch(/4711|12345678|Kilowatt|5001|Zähler/);
  },
);

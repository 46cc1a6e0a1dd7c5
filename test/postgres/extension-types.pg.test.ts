import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { createDatabaseOn, type TestDatabase, type TestDatabases } from '../support/postgres.js';
import { NO_OTHER_VERSION, startSystemPostgres, type SystemServer } from '../support/system-postgres.js';
import { METERS, openOnDatabases } from '../activities/download/site-under-test.js';
import { PLAIN_READINGS, setForDatabase, toSite } from '../activities/upload/site-under-test.js';

const ends: (() => Promise<void>)[] = [];
let server: SystemServer;
const PUBLIC = { schema: 'public' };

describe.skipIf(NO_OTHER_VERSION !== null)('types of extensions', () => {
  beforeAll(async () => {
    server = await startSystemPostgres({}, (end) => void ends.push(end));
  }, 60_000);
  afterAll(async () => {
    for (const end of ends) await end();
  });

  it.for([
    ['in one schema at both ends, and searched', 'public', 'public', null],
    ['in another schema at each end, searched at neither', 'ext', 'Other "types"', 'public'],
    ['where a database searches nothing at all', 'ext', 'public', ''],
  ] as const)('are the same %s: readings', async ([, here, there, searched], context) => {
    const site = toSite(await openDatabases(context, [here, there], searched), {
      ...PLAIN_READINGS,
      table: { ...PUBLIC, name: 'meter_readings' },
    });
    const insert = `insert into public.meter_readings (id, created_at, label, tags, place, labels, unit) select n, now() + n * interval '1 s',
      'Zähler ' || n, (case when n > 1 then format('"a b"=>%s, c=>NULL', n) end)::$.hstore, ('site.north.' || n)::$.ltree, array['A', null]::$.citext[], 'kWh'
      from generate_series(1, 5) as n`;
    await site.local.sql(inSchema(insert, here));
    await site.local.sql('create table public.kept as table public.meter_readings');
    const columns = 'id, created_at, label, tags, place, labels, unit';
    const before = await site.contents(site.local, columns, 'public.meter_readings');
    expect(await site.upload()).toMatchObject({ inserted: 5, queueSize: 0 });
    expect(await site.contents(site.remote, columns, 'public.meter_readings')).toEqual(before);
    await site.local.sql('insert into public.meter_readings table public.kept');
    expect(await site.upload()).toMatchObject({ alreadyThere: 5, quarantined: 0, queueSize: 0 });
  });

  it('are the same whatever their schemas: downloads', async (context) => {
    const databases = await openDatabases(context, ['ext', 'Other "types"'], 'public');
    const site = openOnDatabases(databases, { ...METERS, table: { ...PUBLIC, name: 'meter' } });
    const insert = `insert into public.meter select n, 'Zähler ' || n, 'a=>1'::$.hstore, ('site.' || n)::$.ltree from generate_series(1, 20) as n`;
    await site.remote.sql(inSchema(insert, 'Other "types"'));
    expect(await site.download()).toMatchObject({ inserted: 20 });
    expect(await site.rows('local')).toEqual(await site.rows('remote'));
    await site.remote.sql(`update public.meter set label = upper(label::text) where id = 3`);
    expect(await site.download()).toMatchObject({ inserted: 0, updated: 1 });
    expect(await site.download()).toMatchObject({ inserted: 0, updated: 0 });
    expect(await site.rows('local')).toEqual(await site.rows('remote'));
  });
});

/** @param searched what both databases search; null: what they come with */
async function openDatabases(
  context: Pick<TestContext, 'task'>,
  [here, there]: readonly [string, string],
  searched: string | null,
): Promise<TestDatabases> {
  const open = async (side: 'local' | 'remote', schema: string, flag: string): Promise<TestDatabase> => {
    const database = await createDatabaseOn(server.url, side, context);
    await database.sql(
      inSchema(
        `create schema if not exists $; create extension citext schema $; create extension hstore schema $; create extension ltree schema $;
         create domain unit_name as $.citext check (value::text <> '');
         create table public.meter_readings (id bigint primary key, created_at timestamptz not null, label $.citext, tags $.hstore,
           place $.ltree, labels $.citext[], unit unit_name${flag});
         create table public.meter (id bigint primary key, label $.citext, tags $.hstore, place $.ltree)`,
        schema,
      ),
    );
    if (searched === null) return database;
    await database.sql(setForDatabase('search_path', searched));
    await database.sql('select pg_terminate_backend(pg_backend_pid())').catch(() => undefined); // the next one searches so
    return database;
  };
  return { local: await open('local', here, ', is_synchronized boolean'), remote: await open('remote', there, '') };
}

function inSchema(text: string, schema: string): string {
  return text
    .replaceAll('$.', `"${schema.replaceAll('"', '""')}".`)
    .replace(/schema( if not exists)? \$/g, (found) => found.replace('$', `"${schema.replaceAll('"', '""')}"`));
}

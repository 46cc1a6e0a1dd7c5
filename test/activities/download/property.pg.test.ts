import fc from 'fast-check';
import { expect, it } from 'vitest';
import { METERS, openSite, type SiteUnderTest } from './site-under-test.js';

/** Each run costs a few round trips on two real servers. */
const RUNS = 25;

const COLUMNS = 'name text, n numeric, spelled json, plain jsonb, at timestamptz, tags text[]';
const LOCAL = `create table meter (id bigint, part text, ${COLUMNS}, active boolean not null default false, primary key (id, part))`;
const REMOTE = `create table meter (id bigint, part text, ${COLUMNS}, primary key (id, part))`;

interface Row {
  readonly name: string | null;
  readonly n: string | null;
  readonly spelled: string | null;
  readonly plain: string | null;
  readonly at: string | null;
  readonly tags: readonly (string | null)[] | null;
}

/** PostgreSQL takes every text but the zero character, and surrogates only in pairs. */
const text = fc.string({ unit: 'grapheme', maxLength: 6 }).map((value) => value.replaceAll('\0', ''));
const awkward = fc.oneof(
  text,
  fc.constantFrom('', ' ', 'a ', '\\N', '\\.', 'a\tb', 'a\nb', 'a\r\nb', '"', '{}', 'null'),
);
const nullable = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> => fc.option(value, { freq: 4 });

const row: fc.Arbitrary<Row> = fc.record({
  name: nullable(awkward),
  n: nullable(fc.constantFrom('1', '1.0', '1.10', '-0', 'NaN', '12345678901234567890.123456789')),
  spelled: nullable(fc.constantFrom('{"a":1}', '{ "a": 1}', '{"a":1,"a":2}', '1.0', 'null')),
  plain: nullable(fc.constantFrom('{"a":1}', '{"b":[1.0,null]}', '{"b":[1,null]}', 'null')),
  at: nullable(fc.constantFrom('infinity', '2026-01-01 00:00:00.000001+00', '2026-03-29 02:30:00+02')),
  tags: nullable(fc.array(nullable(awkward), { maxLength: 3 })),
});

/** Few keys, so that the two tables share many; beyond 2^53, so that a number would take two for one. */
const key = fc.record({
  id: fc.constantFrom('9007199254740992', '9007199254740993', '9007199254740994', '-1'),
  part: fc.constantFrom('a', 'A', 'a ', ''),
});
const table = fc.uniqueArray(fc.tuple(key, row), { maxLength: 12, selector: ([{ id, part }]) => `${id} ${part}` });

it('whatever the two tables held, a download makes them equal, tells exactly what it did, and the next does nothing', async (context) => {
  const site = await openSite(context, { local: LOCAL, remote: REMOTE }, { ...METERS, key: ['id', 'part'] });
  const property = fc.asyncProperty(
    table,
    table.filter((rows) => rows.length > 0),
    async (before, wanted) => {
      await site.local.sql('truncate meter, meter_sync.download_table, meter_sync.download_row');
      await fill(site, 'remote', before);
      await site.download();
      await fill(site, 'remote', wanted);
      const had = await read(site, 'local');
      const has = await read(site, 'remote');
      const result = await site.download();
      const now = await read(site, 'local');
      for (const [name, value] of has) expect(now.get(name)).toEqual({ ...value, active: 'true' });
      const gone = [...had].filter(([name]) => !has.has(name));
      for (const [name, value] of gone) expect(now.get(name)).toEqual({ ...value, active: 'false' });
      const added = [...has.keys()].filter((name) => !had.has(name));
      expect(result.newRows.map((named) => JSON.stringify(named.key)).sort()).toEqual(added.sort());
      const changed = new Map(result.changedRows.map((named) => [JSON.stringify(named.key), named.changedFields]));
      for (const [name, value] of has) expect(changed.get(name)).toEqual(differences(had.get(name), value));
      expect(result).toMatchObject({ inserted: added.length, updated: changed.size, localCount: now.size, kept: 0 });
      expect(result.deactivated).toBe(gone.filter(([, { active }]) => active === 'true').length);
      const again = { inserted: 0, updated: 0, deactivated: 0, refused: 0, waiting: 0 };
      expect(await site.download()).toMatchObject(again);
    },
  );
  await fc.assert(property, { numRuns: RUNS });
});

type Texts = Record<string, string | null>;

/** The fields that a download has to name for a row that was here; nothing for a row that was not, or was equal. */
function differences(had: Texts | undefined, has: Texts): string[] | undefined {
  if (had === undefined) return undefined;
  const fields = Object.keys(had).filter((name) => had[name] !== (name === 'active' ? 'true' : has[name]));
  return fields.length === 0 ? undefined : sortByBytes(fields);
}

function sortByBytes(names: string[]): string[] {
  return names.sort((a, b) => (a < b ? -1 : 1));
}

async function fill(
  site: SiteUnderTest,
  end: 'local' | 'remote',
  rows: [{ id: string; part: string }, Row][],
): Promise<void> {
  const { sql } = site[end];
  await sql('truncate meter');
  for (const [index, [{ id, part }, { name, n, spelled, plain, at, tags }]] of rows.entries()) {
    const values = [id, part, name, n, spelled, plain, at, tags];
    await sql(
      'insert into meter (id, part, name, n, spelled, plain, at, tags) values ($1, $2, $3, $4, $5, $6, $7, $8)',
      values,
    );
    if (end === 'local' && index % 2 === 0)
      await sql('update meter set active = true where id = $1 and part = $2', [id, part]);
  }
}

/** All rows by their key, every value as PostgreSQL prints it. */
async function read(site: SiteUnderTest, end: 'local' | 'remote'): Promise<Map<string, Texts>> {
  const names = ['name', 'n', 'spelled', 'plain', 'at', 'tags', ...(end === 'local' ? ['active'] : [])];
  const texts = names.map((name) => `${name}::text as ${name}`).join(', ');
  const rows = await site[end].sql<Texts>(
    `select array_to_json(array[id::text, part])::text as key, ${texts} from meter`,
  );
  return new Map(rows.map(({ key: name, ...value }) => [name ?? '', value]));
}

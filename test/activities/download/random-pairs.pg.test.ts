import fc from 'fast-check';
import { expect, it, type TestContext } from 'vitest';
import {
  createDatabaseOn,
  createDatabases,
  createLatin1Database,
  type TestDatabase,
  type TestDatabases,
} from '../../support/postgres.js';
import { NO_OTHER_VERSION, startSystemPostgres } from '../../support/system-postgres.js';
import { countBytes } from './count-bytes.js';
import { createPair, editRow, fillTable, PAIR_TABLE, readExpected, readTable, type Texts } from './pair-under-test.js';
import { type LogLine, openOnDatabases, type SiteUnderTest } from './site-under-test.js';
import { tablePair, type TablePair } from './table-pairs.js';

/** `npm run lab:downloads` runs 2,000. */
const RUNS = Number(process.env['METER_SYNC_DOWNLOAD_PAIRS'] ?? 40);
/** Column names are longer than most here; a check of equal tables of 10,000 rows is held to 2,048 elsewhere. */
const MAX_BYTES_UNCHANGED = 2_048;

it.for([
  { remote: 'of the same version', runs: RUNS },
  { remote: 'of another version', runs: Math.ceil(RUNS / 4), skipped: NO_OTHER_VERSION },
  { remote: 'in LATIN1', runs: Math.ceil(RUNS / 10) }, // where rows are hashed as text, as with servers before 14
])(
  'whatever two tables hold: a download makes them equal, tells exactly what changed, and the next moves nothing; remote $remote',
  { timeout: RUNS * 5_000 + 60_000 },
  async ({ remote: kind, runs, skipped = null }, context) => {
    if (skipped !== null) return context.skip(skipped);
    const both = await createDatabases(context, 'bookkeeping');
    const databases = { ...both, remote: await openRemote(kind, both, context) };
    const local = await countBytes(databases.local, `set timezone = 'Asia/Kolkata'; set datestyle = 'SQL, DMY'`);
    const remote = await countBytes(
      databases.remote,
      `set timezone = 'America/New_York'; set datestyle = 'German'; set extra_float_digits = 0; set bytea_output = 'escape'`,
    );
    const property = fc.asyncProperty(tablePair, async (pair) => {
      await createPair(databases, pair);
      const key = pair.key.map(({ name }) => name);
      const site = openOnDatabases(databases, { table: PAIR_TABLE, key, filter: null });
      const download = (): ReturnType<SiteUnderTest['download']> =>
        site.download({}, false, { local, remote }, { limits: pair.limits });
      const expectNothingMore = async (): Promise<void> => {
        remote.takeBytes();
        expect(await download()).toMatchObject({ inserted: 0, updated: 0, deactivated: 0, refused: 0, waiting: 0 });
        expect(site.lines.map(({ message }) => message)).toEqual(['up to date']);
        expect(remote.takeBytes()).toBeLessThan(MAX_BYTES_UNCHANGED);
      };

      await fillTable(databases.remote, pair, 'pair', pair.before);
      await fillTable(databases.local, pair, 'pair', pair.own);
      const own = await readTable(databases.local, pair, 'pair');
      const first = await readExpected(databases, pair);
      await download();
      const now = await readTable(databases.local, pair, 'pair');
      expect(now).toEqual(expectedTable(pair, { had: own, has: first, brought: new Set() }));
      expect(toldOf(site.lines)).toEqual(expectedTold(pair, { had: own, has: first, brought: new Map() }));
      await expectNothingMore();

      await fillTable(databases.remote, pair, 'pair', pair.after.length > 0 ? pair.after : pair.before);
      for (const { row, values } of pair.edits) {
        const name = [...now.keys()][row % Math.max(now.size, 1)];
        if (name !== undefined) await editRow(databases.local, pair, JSON.parse(name) as string[], values);
      }
      const had = await readTable(databases.local, pair, 'pair');
      const has = await readExpected(databases, pair);
      await download();
      const facts = { had, has, brought: new Set(first.keys()) };
      expect(await readTable(databases.local, pair, 'pair')).toEqual(expectedTable(pair, facts));
      const told = expectedTold(pair, { had, has, brought: first });
      expect(toldOf(site.lines)).toEqual(told);
      await expectNothingMore();
    });
    await fc.assert(property, { numRuns: runs, ...seedOf(process.env['METER_SYNC_DOWNLOAD_SEED']) });
  },
);

async function openRemote(kind: string, { remote }: TestDatabases, context: TestContext): Promise<TestDatabase> {
  if (kind === 'in LATIN1') return createLatin1Database('remote', context);
  return kind === 'of another version'
    ? createDatabaseOn((await startSystemPostgres()).url, 'remote', context)
    : remote;
}

interface Facts {
  /** What the site had before the download, and what the remote has, in the local types. */
  readonly had: ReadonlyMap<string, Texts>;
  readonly has: ReadonlyMap<string, Texts>;
}

/** What the site must hold afterwards. */
function expectedTable(
  { hasActive }: TablePair,
  { had, has, brought }: Facts & { brought: ReadonlySet<string> },
): Map<string, Texts> {
  const rows = new Map<string, Texts>();
  for (const [key, row] of has) rows.set(key, hasActive ? { ...row, active: 'true' } : row);
  for (const [key, row] of had) {
    if (!has.has(key)) rows.set(key, hasActive && brought.has(key) ? { ...row, active: 'false' } : row);
  }
  return rows;
}

/** What must be told: for each row the kind, and for a changed one its fields. */
function expectedTold(
  { hasActive }: TablePair,
  { had, has, brought }: Facts & { brought: ReadonlyMap<string, Texts> },
): Record<string, unknown> {
  const told: Record<string, unknown> = {};
  for (const [key, row] of has) {
    const before = had.get(key);
    const fields = Object.keys(row).filter(
      (name) => name !== 'active' && before !== undefined && before[name] !== row[name],
    );
    if (hasActive && before !== undefined && before['active'] !== 'true') fields.push('active');
    if (before !== undefined && fields.length === 0) continue;
    if (before !== undefined) told[key] = fields.sort();
    else told[key] = 'new';
  }
  for (const [key, row] of had) {
    if (hasActive && brought.has(key) && !has.has(key) && row['active'] !== 'false') told[key] = 'gone';
  }
  return told;
}

/** What was told, in the same words. */
function toldOf(lines: readonly LogLine[]): Record<string, unknown> {
  const told: Record<string, unknown> = {};
  for (const { message, facts } of lines) {
    if (facts['key'] === undefined) continue;
    const what = facts['what'] ?? message;
    const kind = what === 'new row' ? 'new' : what === 'row deactivated' ? 'gone' : facts['changedFields'];
    told[JSON.stringify(facts['key'])] = Array.isArray(kind) ? [...(kind as string[])].sort() : kind;
  }
  return told;
}

function seedOf(seed: string | undefined): { seed?: number } {
  return seed === undefined ? {} : { seed: Number(seed) };
}

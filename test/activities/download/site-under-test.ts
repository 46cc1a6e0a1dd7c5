import type { TestContext } from 'vitest';
import type { LogFacts } from '../../../activities/attempt.js';
import { type DownloadDatabases, type DownloadOptions, makeEqual } from '../../../activities/download/make-equal.js';
import type { DownloadResult } from '../../../src/model/operations.js';
import type { OwnedTable } from '../../../src/model/table.js';
import { relation } from '../../../src/postgres/identifier.js';
import { createDatabases, type TestDatabases } from '../../support/postgres.js';
import { DOWNLOADED } from '../../support/rights.js';

/** A line that a download wrote to its log. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly facts: LogFacts;
}

/** Two databases with one table to download, and what the log said of the last download. */
export interface SiteUnderTest extends TestDatabases {
  readonly owned: OwnedTable;
  readonly lines: LogLine[];
  readonly download: (
    owned?: Partial<OwnedTable>,
    full?: boolean,
    ends?: Partial<DownloadDatabases>,
    options?: Partial<DownloadOptions>,
  ) => Promise<DownloadResult>;
  /** All rows of an end as JSON texts, in the order of the texts. */
  readonly rows: (end: 'local' | 'remote') => Promise<string[]>;
}

export const METERS: OwnedTable = { table: { schema: null, name: 'meter' }, key: ['id'], filter: null };

/** Both ends with a table made by `local` and `remote`, or by the same statements. */
export async function openSite(
  context: Pick<TestContext, 'task'>,
  statements: string | { local: string; remote: string },
  owned: OwnedTable = METERS,
): Promise<SiteUnderTest> {
  const databases = await createDatabases(context, 'bookkeeping', DOWNLOADED);
  const { local, remote } = typeof statements === 'string' ? { local: statements, remote: statements } : statements;
  await databases.local.sql(local);
  await databases.remote.sql(remote);
  return openOnDatabases(databases, owned);
}

/** The same for databases whose tables are there already. */
export function openOnDatabases(databases: TestDatabases, owned: OwnedTable): SiteUnderTest {
  const lines: LogLine[] = [];
  return {
    ...databases,
    owned,
    lines,
    download: (change = {}, full = false, ends = {}, options = {}) => {
      lines.length = 0;
      return makeEqual({ ...databases, ...ends }, { ...owned, ...change }, recordInto(lines), {
        siteId: 'site-1',
        full,
        guard: null, // most tests change nearly all rows of small tables
        ...options,
      });
    },
    rows: async (end) => {
      const rows = await databases[end].sql<{ row: string }>(
        `select to_json(t)::text as row from ${relation(owned.table)} as t order by 1`,
      );
      return rows.map(({ row }) => row);
    },
  };
}

function recordInto(lines: LogLine[]): Parameters<typeof makeEqual>[2] {
  const write =
    (level: LogLine['level']) =>
    (message: string, facts: LogFacts = {}): void =>
      void lines.push({ level, message, facts });
  return {
    signal: new AbortController().signal,
    earlyEnd: new AbortController().signal,
    heartbeat: () => undefined,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
  };
}

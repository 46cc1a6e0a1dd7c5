import { runAll, type Session } from '../../src/postgres/session.js';
import type { DownloadPlan } from './plan-download.js';
import { isNew } from './row-terms.js';
import { LOCAL_ROWS, STAGED } from './staging.js';

/**
 * The change set of a download, known before anything is applied: `place`, `key_hash`, `kind` (`new`, `changed`, `gone`),
 * `key` (a JSON array of texts), `name`, `fields` (names of changed columns, `text[]`), `was` and `becomes` (JSON objects of
 * texts, without columns marked secret), `is_local_edit` (the site has changed it, not the remote).
 */
export const CHANGES = 'pg_temp.meter_sync_change';

/** More new rows than these are a table that is filled: they are counted, and not written down one by one. */
export const MAX_NEW_IN_SET = 100_000;

/** Figures of a change set, and of the tables that it is for. */
export interface ChangeCounts {
  readonly remoteRows: number;
  /** Rows of the same tenants here. */
  readonly localRows: number;
  readonly inserted: number;
  readonly updated: number;
  /** Rows that would be deactivated or deleted. */
  readonly gone: number;
  /** How many rows change in each column that changes at all, the most frequent first. */
  readonly columns: readonly { readonly column: string; readonly rows: number }[];
}

/** Counts the change set. */
export async function countChanges(
  here: Session,
  plan: DownloadPlan,
  { remoteRows, staged }: { readonly remoteRows: number; readonly staged: number },
): Promise<ChangeCounts> {
  const [local, kinds, columns, newRows] = (await runAll(here, [
    `select count(*)::text as rows from ${LOCAL_ROWS}`,
    `select kind, count(*)::text as rows from ${CHANGES} group by kind`,
    `select f.name as column, count(*)::text as rows from ${CHANGES}, unnest(fields) as f(name) where kind = 'changed'
     group by 1 order by count(*) desc, 1`,
    staged > MAX_NEW_IN_SET
      ? `select count(*)::text as rows from ${STAGED} as s where ${isNew(plan)}`
      : `select count(*)::text as rows from ${CHANGES} where kind = 'new'`,
  ])) as [CountRow[], (CountRow & { kind: string })[], (CountRow & { column: string })[], CountRow[]];
  const countOf = (kind: string): number => Number(kinds.find((row) => row.kind === kind)?.rows ?? 0);
  return {
    remoteRows,
    localRows: Number(local[0]?.rows ?? 0),
    inserted: Number(newRows[0]?.rows ?? 0),
    updated: countOf('changed'),
    gone: countOf('gone'),
    columns: columns.map(({ column, rows }) => ({ column, rows: Number(rows) })),
  };
}

interface CountRow {
  readonly rows: string;
}

import { runAll, type Session } from '../../../src/postgres/session.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { isNew } from './row-terms.js';
import { STAGED } from './staging.js';

/**
 * The change set of a download, known before anything is applied: `place`, `key_hash`, `kind` (`new`, `changed`, `gone`),
 * `key` (a JSON array of texts), `name`, `fields` (names of changed columns, `text[]`), `was` and `becomes` (JSON objects of
 * texts, without columns marked secret), `is_local_edit` (the site has changed it, not the remote).
 */
export const CHANGES = 'pg_temp.meter_sync_change';

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
  {
    areNewListed,
    ...rows
  }: { readonly areNewListed: boolean; readonly remoteRows: number; readonly localRows: number },
): Promise<ChangeCounts> {
  const [kinds, columns, newRows] = (await runAll(here, [
    `select kind, count(*)::text as rows from ${CHANGES} group by kind`,
    `select f.name as column, count(*)::text as rows from ${CHANGES}, unnest(fields) as f(name) where kind = 'changed'
     group by 1 order by count(*) desc, 1`,
    areNewListed
      ? `select count(*)::text as rows from ${CHANGES} where kind = 'new'`
      : `select count(*)::text as rows from ${STAGED} as s where ${isNew(plan)}`,
  ])) as [(CountRow & { kind: string })[], (CountRow & { column: string })[], CountRow[]];
  const countOf = (kind: string): number => Number(kinds.find((row) => row.kind === kind)?.rows ?? 0);
  return {
    ...rows,
    inserted: Number(newRows[0]?.rows ?? 0),
    updated: countOf('changed'),
    gone: countOf('gone'),
    columns: columns.map(({ column, rows }) => ({ column, rows: Number(rows) })),
  };
}

interface CountRow {
  readonly rows: string;
}

import type { Pool } from 'pg';
import type { OwnedTable } from '../../../src/model/table.js';
import type { Database } from '../../../src/postgres/session.js';
import type { DownloadPlan } from './plan-download.js';

/** A plan, and the catalogues that it was made from. */
export interface KnownTable {
  readonly plan: DownloadPlan;
  readonly signature: string;
  /** True when the remote table can be locked: a foreign one cannot, and of a view it would be the tables below. */
  readonly isLockable: boolean;
  readonly digests: { readonly local: string | null; readonly remote: string | null };
}

/**
 * Plans of this process. The catalogues of a table of 20 columns weigh more than all else that a check of equal tables
 * sends, so they are read again only when their digest has changed.
 */
const known = new WeakMap<Pool, Map<string, KnownTable>>();

/** The plan of a table as it was last made, if ever. */
export function recallTable(remote: Database, owned: OwnedTable): KnownTable | null {
  return known.get(remote.pool)?.get(JSON.stringify(owned)) ?? null;
}

/** Keeps a plan for the next download of this process; null forgets it. */
export function rememberTable(remote: Database, owned: OwnedTable, table: KnownTable | null): void {
  const tables = known.get(remote.pool) ?? new Map<string, KnownTable>();
  known.set(remote.pool, tables);
  if (table === null) tables.delete(JSON.stringify(owned));
  else tables.set(JSON.stringify(owned), table);
}

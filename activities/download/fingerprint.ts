import type { Side } from '../../src/model/failures.js';
import type { TableRef } from '../../src/model/table.js';
import { literal, relation } from '../../src/postgres/identifier.js';
import type { DownloadPlan } from './plan-download.js';
import { rowHash } from './row-hashes.js';
import { isOwned } from './staging.js';

/** What a server says of all its rows at once: equal figures, equal rows. */
export interface Fingerprint {
  readonly rows: string;
  /** Sum of the row hashes, in whatever order. */
  readonly sum: string;
  /** Of the catalogue: another one means that the plan is out of date. */
  readonly digest: string | null;
}

/** The fingerprint of a side, in one statement. */
export function selectFingerprint(plan: DownloadPlan, side: Side): string {
  return `select count(*)::text as rows,coalesce(sum(${rowHash(plan, side, 'r')}),0)::text as sum,(${selectDigest(plan.table)}) as digest from ${relation(plan.table)} r where ${isOwned(plan.filter, 'r')}`;
}

/** A digest of what a plan takes from the catalogue, of either side; null: there is no such table. */
export function selectDigest(table: TableRef): string {
  return `select md5(string_agg(concat(attrelid,attname,atttypid,',',atttypmod,attnotnull,attgenerated,attidentity),' 'order by attnum)) from pg_attribute where attrelid=to_regclass(${literal(relation(table))}) and attnum>0 and not attisdropped`;
}

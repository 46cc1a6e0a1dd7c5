import type { Side } from '../../../src/model/failures.js';
import type { TableRef } from '../../../src/model/table.js';
import { literal, relation } from '../../../src/postgres/identifier.js';
import { runAll, type Session } from '../../../src/postgres/session.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { rowHash } from './hashes.js';
import { isOwned } from './staging.js';

/** What a server says of all its rows at once: equal figures, equal rows. */
export interface Fingerprint {
  readonly rows: string;
  /** Sum of the row hashes, in whatever order; empty where it was not asked for. */
  readonly sum: string;
  /** Of the catalogue: another one means that the plan is out of date. */
  readonly digest: string | null;
}

/** What is asked of a side: its whole fingerprint, or, where nothing is known that a sum could equal, only the number of rows. */
export type Question = 'fingerprint' | 'rows';

/** The fingerprint of a side, in one statement. */
export function selectFingerprint(plan: DownloadPlan, side: Side, question: Question = 'fingerprint'): string {
  if (question === 'rows')
    return `select count(*)::text as rows,'' as sum,(${selectDigest(plan.table)}) as digest from ${relation(plan.table)} r where ${isOwned(plan.filter, 'r')}`;
  return `select count(*)::text as rows,coalesce(sum(${rowHash(plan, side, 'r')}),0)::text as sum,(${selectDigest(plan.table)}) as digest from ${relation(plan.table)} r where ${isOwned(plan.filter, 'r')}`;
}

/** A digest of what a plan takes from the catalogue, of either side; null: there is no such table. */
export function selectDigest(table: TableRef): string {
  return `select md5(string_agg(concat(attrelid,attname,atttypid,',',atttypmod,attnotnull,attgenerated,attidentity),' 'order by attnum)) from pg_attribute where attrelid=to_regclass(${literal(relation(table))}) and attnum>0 and not attisdropped`;
}

/** Runs statements of which the last one is a fingerprint. */
export async function readFingerprint(session: Session, statements: readonly string[]): Promise<Fingerprint> {
  const [row] = (await runAll(session, statements)).at(-1) as Fingerprint[];
  if (row === undefined) throw new Error('an aggregate without a row');
  return row;
}

import type { Side } from '../../../src/model/failures.js';
import { columnsDigest } from '../../../src/postgres/catalog.js';
import { relation } from '../../../src/postgres/identifier.js';
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
    return `select count(*)::text as rows,'' as sum,${columnsDigest(plan.table)} as digest from ${relation(plan.table)} r where ${isOwned(plan.filter, 'r')}`;
  return `select count(*)::text as rows,coalesce(sum(${rowHash(plan, side, 'r')}),0)::text as sum,${columnsDigest(plan.table)} as digest from ${relation(plan.table)} r where ${isOwned(plan.filter, 'r')}`;
}

/** Runs statements of which the last one is a fingerprint. */
export async function readFingerprint(session: Session, statements: readonly string[]): Promise<Fingerprint> {
  const [row] = (await runAll(session, statements)).at(-1) as Fingerprint[];
  if (row === undefined) throw new Error('an aggregate without a row');
  return row;
}

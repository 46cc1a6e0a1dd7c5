import type { Database } from '../../../src/postgres/session.js';
import { planUpload, type UploadEnds, type UploadPlan } from './plan-upload.js';

/** A plan, the settings and the remote that it was made for, and when. */
interface KnownPlan {
  readonly plan: UploadPlan;
  readonly made: string;
  readonly remote: Database['pool'];
  readonly madeAt: number;
}

/**
 * Plans of this process, by the pool of the site's database. Both catalogues cost more than all else of a small batch. A plan is never
 * believed: each batch compares the marks of both tables (`table-mark.ts`), and what it does without a right, or with a table that is
 * no longer so, fails before anything is committed. Then the plan is made anew.
 */
const known = new WeakMap<Database['pool'], KnownPlan>();

/** For what neither a mark nor a failing statement tells, such as a trigger on a part of the table: that only makes batches wait. */
const BELIEVED_MS = 10 * 60_000;

/**
 * The plan as it was last made, with the ends of this run, whose waits are told to this attempt; null: none was, the last run failed, or it was made for other settings. One that is old is made
 * anew before it sends anything.
 */
export function recallPlan(ends: UploadEnds): { readonly plan: UploadPlan; readonly isOld: boolean } | null {
  const found = known.get(ends.local.pool);
  if (found === undefined || found.made !== toKey(ends) || found.remote !== ends.remote.pool) return null;
  const { local, remote } = ends;
  return { plan: { ...found.plan, local, remote }, isOld: performance.now() - found.madeAt > BELIEVED_MS };
}

/** Makes a plan and keeps it for the next run of this process. @throws as {@link planUpload} */
export async function planAnew(ends: UploadEnds, signal: AbortSignal): Promise<UploadPlan> {
  forgetPlan(ends);
  const plan = await planUpload(ends, signal);
  known.set(ends.local.pool, { plan, made: toKey(ends), remote: ends.remote.pool, madeAt: performance.now() });
  return plan;
}

/** A run has failed: whatever it was, the next one looks at both ends. */
export function forgetPlan({ local }: UploadEnds): void {
  known.delete(local.pool);
}

function toKey({ readings, batchesInFlight, lockTimeoutMs }: UploadEnds): string {
  return JSON.stringify({ readings, batchesInFlight, lockTimeoutMs });
}

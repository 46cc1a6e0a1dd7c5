import { createHash, type Hash } from 'node:crypto';
import type { RefusedPlace } from '../../src/model/refusal.js';
import { checkSent } from '../../src/model/custody.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { withSavepoint } from '../../src/postgres/savepoint.js';
import type { Session } from '../../src/postgres/session.js';
import type { UploadPlan } from './plan-upload.js';
import type { Part, Stretch } from './queue.js';
import { checkRefused, toRefusal } from './refusals.js';
import { copyStretch } from './send-fast.js';
import { STAGING } from './staging.js';

/** A stretch in the staging table. */
export interface Staged {
  /** Where in the stretch each staged reading stands, from 1, in the order of the staging table. */
  readonly places: readonly number[];
  /** Readings whose values the remote's types do not take. */
  readonly refused: readonly RefusedPlace[];
  readonly contentDigest: string;
}

/** After a culprit the next part is not longer than what it takes to meet another one as near. */
const FIRST_PART = 1_000;

/**
 * Copies a stretch of `selected` readings into the staging table, around the readings that its types refuse: COPY names
 * the row that it could not read, so a culprit costs two parts and no search.
 * @throws DatabaseFailure when it is no reading's fault, or too many are refused
 */
export async function stageStretch(
  from: Session,
  to: Session,
  plan: UploadPlan,
  { stretch, selected }: { stretch: Stretch; selected: number },
): Promise<Staged> {
  const places: number[] = [];
  const refused: RefusedPlace[] = [];
  let hash = createHash('sha256');
  const stage = async (part: Part): Promise<DatabaseFailure | null> => {
    const attempted = hash.copy();
    const failure = await stagePart(from, to, plan, { stretch, part, hash: attempted }, places);
    if (failure === null) hash = attempted;
    return failure;
  };
  let length = selected;
  for (let offset = 0; offset < selected;) {
    const failure = await stage({ offset, limit: length });
    if (failure === null) {
      offset += length;
      length *= 2;
      continue;
    }
    const line = failure.copyLine;
    if (line === null) throw failure;
    const again = line === 1 ? null : await stage({ offset, limit: line - 1 });
    if (again !== null) throw again;
    refused.push({ place: offset + line, refusal: toRefusal(failure) });
    checkRefused(plan.readings, selected, refused);
    offset += line;
    length = Math.max(FIRST_PART, line);
  }
  return { places, refused, contentDigest: hash.digest('hex') };
}

/** Copies one part; answers with the failure when a value was refused, and then nothing of the part is there. */
async function stagePart(
  from: Session,
  to: Session,
  plan: UploadPlan,
  { stretch, part, hash }: { stretch: Stretch; part: Part; hash: Hash },
  places: number[],
): Promise<DatabaseFailure | null> {
  try {
    const { sent, received } = await withSavepoint(to, () =>
      copyStretch(from, to, plan, { stretch, part, target: STAGING, hash }),
    );
    checkSent({ selected: sent, inserted: received, alreadyThere: 0, quarantined: 0 });
    for (let at = 1; at <= sent; at += 1) places.push(part.offset + at);
    return null;
  } catch (error) {
    if (error instanceof DatabaseFailure && error.kind === 'data' && error.place.side === 'remote') return error;
    throw error;
  }
}

import { createHash, type Hash } from 'node:crypto';
import type { RefusedPlace } from '../../../src/model/refusal.js';
import { checkSent, UnsettledBatch } from '../../../src/model/upload-counts.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import type { Session } from '../../../src/postgres/session.js';
import { type Queue, readBoundary, type Stretch } from '../queue/queue.js';
import { checkRefused, toRefusal } from './refusals.js';
import { copyStretch, type Sending } from './send-fast.js';
import { STAGING } from './staging.js';

/** A stretch in the staging table. */
interface Staged {
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
 * the row that it could not read, so a culprit costs two parts and no search. In a language where the number of the row cannot
 * be told from the rest, parts are halved: a culprit among n readings costs log2 n of them.
 * @throws DatabaseFailure when it is no reading's fault, or too many are refused
 */
export async function stageStretch(sending: Sending, selected: number): Promise<Staged> {
  const { from, plan, stretch } = sending;
  const places: number[] = [];
  const refused: RefusedPlace[] = [];
  let hash = createHash('sha256');
  let rest = stretch;
  let offset = 0;
  /** Copies the next part of the stretch, and is then behind it; answers with the failure when a value was refused. */
  const stage = async (limit: number): Promise<DatabaseFailure | null> => {
    const attempted = hash.copy();
    const failure = await stagePart({ ...sending, stretch: rest }, limit, attempted);
    if (failure !== null) return failure;
    hash = attempted;
    for (let at = 1; at <= limit; at += 1) places.push(offset + at);
    await skip(limit);
    return null;
  };
  const skip = async (rows: number): Promise<void> => {
    offset += rows;
    if (offset < selected) rest = await placeBehind(from, plan.queue, rest, rows);
  };
  let length = selected;
  let searched = 0; // where the shortest part that was refused ends: up to there a culprit is known to be
  while (offset < selected) {
    const isSearch = offset < searched;
    const limit = isSearch ? Math.ceil((searched - offset) / 2) : Math.min(length, selected - offset);
    const failure = await stage(limit);
    if (failure === null) {
      if (!isSearch) length *= 2;
      continue;
    }
    const line = limit === 1 ? 1 : lineWithin(failure, limit);
    if (line === null || (line > 1 && (await stage(line - 1)) !== null)) {
      searched = offset + (line === null ? limit : line - 1);
      continue;
    }
    refused.push({ place: offset + 1, refusal: toRefusal(failure) });
    checkRefused(plan.readings, selected, refused);
    await skip(1);
    length = isSearch ? FIRST_PART : Math.max(FIRST_PART, line);
    searched = offset;
  }
  return { places, refused, contentDigest: hash.digest('hex') };
}

/** The row of a part of so many that COPY names; null: it names none that can be. */
function lineWithin({ copyLine }: DatabaseFailure, rows: number): number | null {
  return copyLine !== null && copyLine >= 1 && copyLine <= rows ? copyLine : null;
}

/** What a stretch has behind so many of its readings: found by their boundary, since an offset reads all before it. */
async function placeBehind(from: Session, queue: Queue, stretch: Stretch, rows: number): Promise<Stretch> {
  const above = await readBoundary(from, queue, stretch, rows);
  if (above === null) throw new UnsettledBatch('a stretch has fewer readings than were counted');
  return { ...stretch, above };
}

/** Copies one part; answers with the failure when a value was refused, and then nothing of the part is there. */
async function stagePart(sending: Sending, limit: number, sink: Hash): Promise<DatabaseFailure | null> {
  try {
    const { sent, received } = await withSavepoint(sending.to, () =>
      copyStretch(sending, STAGING, { limit, sinks: [sink] }),
    );
    checkSent({ selected: limit, inserted: sent, alreadyThere: 0, quarantined: 0 });
    checkSent({ selected: sent, inserted: received, alreadyThere: 0, quarantined: 0 });
    return null;
  } catch (error) {
    if (error instanceof DatabaseFailure && error.kind === 'data' && error.place.side === 'remote') return error;
    throw error;
  }
}

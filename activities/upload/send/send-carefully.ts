import { maxRefused, type RefusedPlace } from '../../../src/model/refusal.js';
import { checkSent } from '../../../src/model/upload-counts.js';
import { copyOut } from '../../../src/postgres/copy.js';
import { execute, run, runAll, type Session } from '../../../src/postgres/session.js';
import { TEXT_FORMS } from '../../../src/postgres/text-forms.js';
import { DayHasher, type HashedDays, subtractHashes } from '../../custody/days/day-hasher.js';
import { type DayRow, type DaySum, subtractDays, toDaySum } from '../../custody/days/day-sums.js';
import type { UploadPlan } from '../plan/plan-upload.js';
import { countStretch } from '../queue/queue.js';
import { checkApart } from './check-apart.js';
import { insertStaged } from './insert-staged.js';
import { createOwnTable } from './own-table.js';
import { checkRefused } from './refusals.js';
import type { Sending, Sent } from './send-fast.js';
import { stageStretch } from './stage-stretch.js';
import {
  compareStaged,
  copyPresent,
  createStaging,
  deleteStaged,
  selectConflicts,
  selectContradictions,
  sumPresentDays,
} from './staging.js';

/**
 * Sends a stretch of which some readings may be on the remote already, and some may be refused: through a staging table,
 * where what is absent is inserted and what is present is compared column by column. Equal content counts as already
 * there, other content is a conflict; what the remote refuses is left out.
 * @throws DatabaseFailure `data` - more readings are refused than single bad ones can be
 * @throws DatabaseFailure `config` - both ends are one database
 */
export async function sendCarefully(sending: Sending): Promise<Sent> {
  const { from, to, plan, stretch } = sending;
  const { readings, transfer } = plan;
  await runAll(to, TEXT_FORMS);
  await checkApart(from, to);
  await sending.mayStream();
  const columns = transfer.columns.map(({ name }) => name);
  const [count] = await run<{ rows: string }>(from, countStretch(plan.queue, stretch));
  const selected = Number(count?.rows);
  const limit = maxRefused(selected, readings.maxRefusedShare);
  await execute(to, { text: 'set constraints all immediate', values: [] }); // else a culprit speaks at the commit, for all

  await createOwnTable(to, plan, createStaging(readings, columns));
  const staged = await stageStretch(sending, selected);
  const contradictions = plan.keyIsUnique ? [] : await takeOutContradictions(to, plan, columns, staged.places);
  const takenOut = new Set(contradictions.map(({ place }) => place));
  const places = staged.places.filter((place) => !takenOut.has(place));

  const daysBefore = await readPresentDays(to, plan);
  const hashedBefore = await hashPresent(to, plan);
  const { inserted, refused } = await insertStaged(to, plan, columns, limit);
  const [compared] = await run<{ same: string; different: string }>(to, compareStaged(readings, columns));
  const conflicts =
    Number(compared?.different) === 0 ? [] : await readConflicts(to, plan, columns, { places, limit: limit + 1 });

  const culprits = [
    ...staged.refused,
    ...contradictions,
    ...refused.map(({ staged: at, refusal }) => ({ place: places[at - 1] ?? 0, refusal })),
    ...conflicts,
  ];
  checkRefused(readings, selected, culprits);
  const counts = { selected, inserted, alreadyThere: Number(compared?.same) - inserted, quarantined: culprits.length };
  checkSent(counts);
  // From what the remote stored: a refused value may not even have the remote's type, so the site could not sum it up.
  const storedDays = daysBefore === null ? null : subtractDays((await readPresentDays(to, plan)) ?? [], daysBefore);
  const hashedAfter = hashedBefore === null ? null : await hashPresent(to, plan);
  const hashedDays = hashedBefore === null || hashedAfter === null ? null : subtractHashes(hashedAfter, hashedBefore);
  return { counts, contentDigest: staged.contentDigest, refused: culprits, storedDays, hashedDays };
}

/** Readings of one key and other content contradict each other, where the site's table lets that happen: none is sent. */
async function takeOutContradictions(
  to: Session,
  { readings }: UploadPlan,
  columns: readonly string[],
  places: readonly number[],
): Promise<RefusedPlace[]> {
  const found = (await run<{ place: string }>(to, selectContradictions(readings, columns))).map(({ place }) =>
    Number(place),
  );
  if (found.length === 0) return [];
  await execute(to, deleteStaged(found));
  const message = 'local database: readings of one key have different content';
  const refusal = { sqlstate: null, constraint: null, table: null, columns: readings.key, message };
  return found.map((at) => ({ place: places[at - 1] ?? 0, refusal }));
}

async function readConflicts(
  to: Session,
  { readings }: UploadPlan,
  columns: readonly string[],
  { places, limit }: { places: readonly number[]; limit: number },
): Promise<RefusedPlace[]> {
  const rows = await run<{ place: string; columns: string }>(to, selectConflicts(readings, columns, limit));
  return rows.map((row) => {
    const differing = JSON.parse(row.columns) as string[];
    const message = `remote database: it has this reading already, and other content in ${differing.join(', ')}`;
    const refusal = { sqlstate: null, constraint: null, table: null, columns: differing, message };
    return { place: places[Number(row.place) - 1] ?? 0, refusal };
  });
}

/** The staged readings that the remote has, by their days; null: readings are not hashed. They come back from there, once more. */
async function hashPresent(session: Session, { readings, transfer, days }: UploadPlan): Promise<HashedDays | null> {
  if (!days.digests) return null;
  const hasher = new DayHasher(transfer.columns, days.dayColumn);
  const columns = transfer.columns.map(({ name }) => name);
  await copyOut({ session, text: copyPresent(readings, columns) }, hasher);
  return hasher.toDays();
}

async function readPresentDays(to: Session, { readings, days }: UploadPlan): Promise<DaySum[] | null> {
  if (!days.sums) return null;
  return (await run<DayRow>(to, sumPresentDays(readings, days))).map(toDaySum);
}

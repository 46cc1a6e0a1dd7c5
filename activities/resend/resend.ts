import type { LostAtRemote } from '../../src/model/lost.js';
import { addCounts, NO_COUNTS } from '../../src/model/upload-counts.js';
import type { UploadCounts } from '../../src/model/operations.js';
import { byName } from '../../src/model/table.js';
import { readTableShape } from '../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { run, runAll } from '../../src/postgres/session.js';
import { TEXT_FORMS } from '../../src/postgres/text-forms.js';
import { withConnection, withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt } from '../attempt.js';
import { type ClaimedState, claimSite } from '../upload/chain/claim.js';
import type { Signing } from '../custody/records/companions.js';
import { readLocalUpload } from '../upload/chain/upload-state.js';
import { readPlace } from '../upload/drain-queue.js';
import {
  type DayRange,
  KEPT_ROWS,
  type KeptPart,
  readKept,
  selectKept,
  selectParts,
} from '../upload/keep/kept-readings.js';
import { noteFound, readLost, readLostDays } from '../upload/keep/lost.js';
import { planUpload, type UploadEnds, type UploadPlan } from '../upload/plan/plan-upload.js';
import { BOTTOM, type Place, placeAfter, type Queue, selectPlaces } from '../upload/queue/queue.js';
import { withUploadLock } from '../upload/queue/upload-lock.js';
import { uploadBatch, type UploadedBatch } from '../upload/upload-batch.js';

/** What is to be sent again. */
export interface ResendOrder {
  readonly siteId: string;
  /** UTC days, both included; null: those of which readings are noted as lost. */
  readonly days: DayRange | null;
  readonly onProgress: (done: number, total: number) => void;
}

/** What sending again came to. */
export interface Resent extends Omit<UploadCounts, 'removed' | 'quarantined'> {
  readonly batches: number;
  /** Readings that were not sent: the remote has another one of their key, or refuses them. */
  readonly conflicts: number;
  /** Some of them, by their keys, and why. */
  readonly examples: readonly { readonly key: readonly string[]; readonly message: string }[];
  /** Readings that are kept of the days that were asked for; of the days at either end, more may be counted. */
  readonly kept: number;
  /** False: somebody stopped it; what was sent stays sent. */
  readonly isComplete: boolean;
  /** What is noted as lost before and after; null: nothing. */
  readonly lostBefore: LostAtRemote | null;
  readonly lostAfter: LostAtRemote | null;
}

const MAX_EXAMPLES = 20;

/**
 * Sends kept readings again: what the remote has not is inserted, what it has is compared, nothing is overwritten. Each batch has
 * its custody record, and takes what it brings off the noted losses. Killed and run again it finds what was sent, and goes on.
 * @throws DatabaseFailure `busy` - an upload is at work; `fenced` - the site's place is not the remote's: adopt first
 */
export async function resendKept(ends: UploadEnds, order: ResendOrder, attempt: Attempt): Promise<Resent> {
  const { siteId } = order;
  return withUploadLock(ends.local, siteId, attempt.signal, async (signal) => {
    const locked = { ...attempt, signal };
    const here = await readLocalUpload(ends.local, { siteId }, { signal, purpose: 'toSign' });
    const plan = await planUpload(ends, signal);
    if (order.days !== null) checkHasDays(plan.queue);
    const input = { siteId, batchRows: here.learnedRows ?? KEPT_ROWS, isResend: true, readings: plan.readings.table };
    const { place, signing } = await readPlace(plan, input, here, signal);
    let claimed: Promise<ClaimedState> | undefined;
    const claim = (): Promise<ClaimedState> =>
      (claimed ??= claimSite(plan.local, input, {
        state: here.state,
        place,
        list: signing?.list ?? null,
      }));
    const ranges = order.days === null ? await readLostRanges(plan, siteId) : [order.days];
    const sent = await sendRanges({ plan, siteId, signing, claim, ranges, onProgress: order.onProgress }, locked);
    await settleUnsummed(plan, siteId, sent);
    const lostAfter = await withConnection(plan.local, { signal }, (session) => readLost(session, siteId));
    return { ...sent, lostBefore: here.lostAtRemote, lostAfter };
  });
}

type Sent = Omit<Resent, 'lostBefore' | 'lostAfter'>;

const NOTHING_SENT: Sent = {
  ...{ selected: 0, inserted: 0, alreadyThere: 0, conflicts: 0 },
  ...{ batches: 0, examples: [], kept: 0, isComplete: true },
};

/** A resend under way. */
interface Run {
  readonly plan: UploadPlan;
  readonly siteId: string;
  readonly signing: Signing | null;
  readonly claim: () => Promise<ClaimedState>;
  readonly ranges: readonly DayRange[];
  readonly onProgress: ResendOrder['onProgress'];
}

async function sendRanges(run: Run, attempt: Attempt): Promise<Sent> {
  const { plan, siteId, ranges, onProgress } = run;
  const types = await readLocalTypes(plan, attempt.signal);
  let sent = NOTHING_SENT;
  for (const range of ranges) {
    const { rows } = await withConnection(plan.local, {}, (session) => readKept(session, siteId, range));
    sent = { ...sent, kept: sent.kept + rows };
  }
  let before: UploadedBatch | null = null;
  for (const range of ranges) {
    for (let part = await nextPart(run, range, '0'); part !== null; part = await nextPart(run, range, part.id)) {
      const queue = {
        ...plan.queue,
        quarantineOf: null,
        cuts: [],
        kept: selectKept(plan.queue, part, { types, range }),
      };
      for (let place: Place | null = BOTTOM; place !== null;) {
        attempt.signal.throwIfAborted();
        if (attempt.earlyEnd.aborted) return { ...sent, isComplete: false };
        const batch: UploadedBatch | null = await sendAgain(run, queue, { place, before }, attempt);
        if (batch === null) break;
        before = batch;
        place = placeAfter(queue, batch.stretch);
        sent = await addBatch(sent, batch, plan, queue);
        onProgress(sent.selected, sent.kept);
      }
    }
  }
  return sent;
}

async function nextPart({ plan, siteId }: Run, range: DayRange, above: string): Promise<KeptPart | null> {
  const statement = selectParts(siteId, range, above, 1);
  const [part] = await withConnection(plan.local, {}, (session) =>
    run<{ id: string; columns: string | null }>(session, statement),
  );
  if (part === undefined) return null;
  return { id: part.id, columns: part.columns === null ? null : (JSON.parse(part.columns) as string[]) };
}

/** One batch, the careful way; all its stages follow one another. */
function sendAgain(
  { plan, siteId, signing, claim }: Run,
  queue: Queue,
  { place, before }: { readonly place: Place; readonly before: UploadedBatch | null },
  attempt: Attempt,
): Promise<UploadedBatch | null> {
  // Conflicts are told and change nothing, so there may be as many as there are readings.
  const readings = { ...plan.readings, maxRefusedShare: 1 };
  const order = { siteId, place, signing, claim, limitRows: KEPT_ROWS, isCareful: true };
  const stages = {
    taken: () => undefined,
    mayStream: () => Promise.resolve(),
    sent: () => undefined,
    arrived: () => undefined,
    mayRecord: () => Promise.resolve(before),
  };
  return uploadBatch({ ...order, plan: { ...plan, readings, queue, hasOrderIndex: false } }, stages, attempt);
}

async function addBatch(sent: Sent, batch: UploadedBatch, plan: UploadPlan, queue: Queue): Promise<Sent> {
  const { selected, inserted, alreadyThere } = addCounts({ ...NO_COUNTS, ...sent }, batch.counts);
  const conflicts = sent.conflicts + batch.counts.quarantined;
  const examples = [...sent.examples, ...(await readExamples(batch, plan, queue, MAX_EXAMPLES - sent.examples.length))];
  return { ...sent, selected, inserted, alreadyThere, conflicts, examples, batches: sent.batches + 1 };
}

async function readExamples(
  { refused, stretch }: UploadedBatch,
  { local }: UploadPlan,
  queue: Queue,
  limit: number,
): Promise<Resent['examples']> {
  const shown = new Map(refused.slice(0, limit).map(({ place, refusal }) => [place, refusal.message]));
  if (shown.size === 0) return [];
  const rows = await withTransaction(local, { isolation: 'repeatable read, read only' }, async (session) => {
    await runAll(session, TEXT_FORMS);
    return run<{ place: string; key: string }>(session, selectPlaces(queue, stretch, [...shown.keys()]));
  });
  return rows.map(({ place, key }) => ({ key: JSON.parse(key) as string[], message: shown.get(Number(place)) ?? '' }));
}

/** The days of which readings are lost, as few ranges. */
async function readLostRanges(plan: UploadPlan, siteId: string): Promise<DayRange[]> {
  const lost = await withConnection(plan.local, {}, (session) => readLost(session, siteId));
  if (lost === null) return [];
  const days = (await readLostDays(plan.local, siteId)).filter(({ isFound }) => !isFound).map(({ day }) => day);
  const isUnknown = days.includes(null) || days.some((day) => !IS_PLAIN.test(day ?? ''));
  const crosses = plan.transfer.columns.some(({ name, inZone }) => name === plan.readings.order && inZone !== null);
  // Of which day a reading is depends on the remote's column; where that is of another kind, a few too many are sent.
  if (isUnknown || crosses) return [{ from: null, to: null }];
  return toRanges(days.flatMap((day) => day ?? []));
}

const IS_PLAIN = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;

/** Days in their order as ranges of days that follow one another. */
function toRanges(days: readonly string[]): DayRange[] {
  const ranges: { from: string; to: string }[] = [];
  for (const day of [...new Set(days)].sort()) {
    const last = ranges.at(-1);
    if (last !== undefined && Date.parse(day) - Date.parse(last.to) <= DAY_MS) last.to = day;
    else ranges.push({ from: day, to: day });
  }
  return ranges;
}

/** The types of the site's columns that travel, in which moved readings are read again. */
async function readLocalTypes(plan: UploadPlan, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const { local, readings, keptColumns } = plan;
  const columns = await withTransaction(local, { isolation: 'repeatable read, read only', signal }, async (session) =>
    byName((await readTableShape(session, readings.table)).columns),
  );
  return new Map(keptColumns.map((name) => [name, columns.get(name)?.type ?? 'text']));
}

/**
 * Without day sums nobody can find lost readings later. But each one that was there already has been compared here: when these are
 * as many as are missing still, they are all there.
 */
async function settleUnsummed({ local, days }: UploadPlan, siteId: string, sent: Sent): Promise<void> {
  if (days.sums || !sent.isComplete || sent.conflicts > 0) return;
  const lost = (await readLostDays(local, siteId)).filter(({ isFound }) => !isFound);
  const missing = lost.reduce((sum, { rows }) => sum + rows, 0);
  if (missing > 0 && missing === sent.alreadyThere)
    await noteFound(
      local,
      siteId,
      lost.map(({ day }) => day),
    );
}

/** The order column has days only when it is a time. @throws DatabaseFailure `config` */
function checkHasDays({ orderIsTime, readings: { order } }: Queue): void {
  if (orderIsTime) return;
  const message = `column ${order} holds no times, so readings have no days; expected --missing`;
  throw new DatabaseFailure('config', message, { side: 'local', column: order });
}

import { firstBatchRows, isOfSize, smallerBatchRows } from '../../src/model/batch-size.js';
import type { UploadReadingsInput, UploadReadingsResult } from '../../src/model/operations.js';
import { addCounts, NO_COUNTS } from '../../src/model/upload-counts.js';
import { DatabaseFailure, toFailureKind } from '../../src/postgres/errors.js';
import { SQLSTATE } from '../../src/postgres/sqlstate.js';
import type { Attempt } from '../attempt.js';
import { DayStates } from '../custody/days/day-states.js';
import { sealChain } from '../custody/proof/make-seal.js';
import { planSigning, type Signing, toColumnList } from '../custody/records/companions.js';
import { nameKey, requireKey } from '../custody/records/site-key.js';
import { type ClaimedState, claimSite, keepLearnedRows } from './chain/claim.js';
import { findPlace, type PlaceInChain, readChain } from './chain/read-chain.js';
import { readRecords } from './chain/remote-records.js';
import { type LocalUpload, readLocalUpload, readUploadOf } from './chain/upload-state.js';
import { removeExpired } from './keep/expire.js';
import { forgetPlan, planAnew, recallPlan } from './plan/known-plan.js';
import { planUpload, type UploadEnds, type UploadPlan, warnOnce } from './plan/plan-upload.js';
import { TableChanged } from './plan/table-mark.js';
import { releaseHealed, tidyQuarantine } from './quarantine/heal.js';
import { isQueueEmpty, NO_QUEUE, readQueueFigures } from './queue/queue-figures.js';
import { withUploadLock } from './queue/upload-lock.js';
import { toChainHead, uploadBatches, type UploadProgress } from './upload-batches.js';

/**
 * Uploads batch after batch, oldest readings first, until the queue is empty, `maxDurationMs` has passed or the attempt
 * is to end. A batch under way is finished, unless the attempt was given up: then its transactions are cut.
 * @throws DatabaseFailure `schema`, `busy`, `data`, `unreachable` - earlier batches of this run are done and stay done
 * @throws DatabaseFailure `fenced` - the site's place in the custody chain is not the remote's; nothing moved
 * @throws UnsettledBatch - the servers' counts of a batch do not agree
 */
export async function drainQueue(
  ends: UploadEnds,
  asked: UploadReadingsInput,
  attempt: Attempt,
): Promise<UploadReadingsResult> {
  return withUploadLock(ends.local, asked.siteId, attempt.signal, async (signal, lock, mayTakeMs) => {
    const input = { ...asked, maxDurationMs: Math.min(asked.maxDurationMs, mayTakeMs) };
    const toSign = { purpose: 'toSign', keepDays: ends.readings.keepDays } as const;
    const here = await readUploadOf(lock, input, toSign); // fails early without `init`
    const known = recallPlan(ends);
    const isIdle =
      known !== null && !here.hasQuarantine && !hasToExpire(here) && (await isQueueEmpty(lock, known.plan.queue));
    if (isIdle) return toIdleResult(here);
    const locked = { ...attempt, signal };
    if (known !== null && !known.isOld) {
      const done = await drainAsPlanned(known.plan, here, input, locked).catch((error: unknown) => {
        forgetPlan(ends);
        if (!isOfTables(error)) throw error;
        return null; // what is remembered of a table may be out of date
      });
      if (done !== null) return done;
    }
    const plan = await planAnew(ends, signal);
    const begun = known === null ? here : await readUploadOf(lock, input, toSign);
    return drainAsPlanned(plan, begun, input, locked).catch((error: unknown) => failByName(error, ends, signal));
  });
}

/** Nothing waits, and the remote was not asked. */
function toIdleResult({ state, chain, lostAtRemote }: LocalUpload): UploadReadingsResult {
  const none = { ...NO_COUNTS, batches: 0, more: false, inQuarantine: 0, remoteAsked: false };
  const known = { lostAtRemote, signingKey: nameKey(chain.keys), chainHead: toChainHead(state.link) };
  return { ...none, ...known, ...NO_QUEUE, totalUploaded: state.rows, observedAt: new Date().toISOString() };
}

async function drainAsPlanned(
  plan: UploadPlan,
  here: LocalUpload,
  input: UploadReadingsInput,
  attempt: Attempt,
): Promise<UploadReadingsResult> {
  warnOnce(plan, attempt.log);
  const begin = { here, ...(await readPlace(plan, input, here, attempt.signal)) };
  if (here.hasQuarantine) await releaseHealed(plan, input.siteId, attempt);
  const progress = await uploadWhatIsReadable(begin, plan, input, attempt);
  if (begin.sealIsDue && !attempt.earlyEnd.aborted) await sealMonth(begin, plan, input, attempt);
  if (hasToExpire(here) && !progress.more) await removeExpired(plan.local, { ...input, queue: plan.queue }, attempt);
  const { hasQuarantine: hadQuarantine, lostAtRemote } = here;
  const known = { lostAtRemote, signingKey: nameKey(here.chain.keys) };
  return report(plan, { siteId: input.siteId, hadQuarantine }, { ...progress, ...known }, attempt);
}

/**
 * True when kept readings are to go since their days are over. Not while something is lost: what is kept may be all that is left of
 * it. And only in a run that has found its place in the remote's chain: so a remote that was restored is noticed before.
 */
function hasToExpire({ hasExpired, lostAtRemote }: LocalUpload): boolean {
  return hasExpired && lostAtRemote === null;
}

/**
 * Where the site may go on, how its records are signed, and the record that it does not know of yet.
 * Without custody a site stands wherever it was; a batch that was sent before is then met by its keys alone.
 * @throws DatabaseFailure `fenced`
 */
export async function readPlace(
  { local, remote, custody, days }: UploadPlan,
  { siteId }: Pick<UploadReadingsInput, 'siteId'>,
  { chain, signingKeys: keys }: LocalUpload,
  signal: AbortSignal,
): Promise<Pick<Begin, 'place' | 'signing' | 'sealIsDue'>> {
  if (custody === 'off') return { place: { link: chain, isOneAhead: false }, signing: null, sealIsDue: false };
  const key = requireKey(keys, siteId);
  const list = toColumnList(days.columns, days.dayColumn);
  const there = await readChain(remote, siteId, chain, { signal, columnsId: list.id });
  const place = findPlace(siteId, chain, there);
  const states = days.digests ? new DayStates(local, siteId) : null;
  const signing = planSigning(siteId, place.link, { key, keys, list, states }, there.known);
  const { sealIsDue } = there;
  if (!place.isOneAhead) return { place, signing, sealIsDue };
  const [ahead] = await readRecords(remote, { siteId, above: chain.seq, upTo: place.link.seq });
  return { place: ahead === undefined ? place : { ...place, ahead }, signing, sealIsDue };
}

/** Where a run begins. */
interface Begin {
  readonly here: LocalUpload;
  readonly place: PlaceInChain;
  readonly signing: Signing | null;
  /** True when custody records of a month that is over wait for their seal. */
  readonly sealIsDue: boolean;
}

/** How much smaller the batches get behind which a page cannot be read, down to a single reading. */
const SMALLER = 8;

/**
 * Uploads; where the site's server cannot read a page of its own, in ever smaller batches, so that every reading before that
 * page leaves.
 * @throws DatabaseFailure `damaged` - as the server names the page
 */
async function uploadWhatIsReadable(
  begin: Begin,
  plan: UploadPlan,
  input: UploadReadingsInput,
  attempt: Attempt,
): Promise<UploadProgress> {
  let from = begin;
  for (let { batchRows } = input; ; batchRows = Math.ceil(batchRows / SMALLER)) {
    try {
      return await uploadAsConnectionsAllow(from, plan, { ...input, batchRows }, attempt);
    } catch (error) {
      if (!isUnreadable(error) || batchRows === 1) throw error;
      attempt.log.warn('a page of the local database cannot be read; smaller batches bring what lies before it', {
        error: error.message,
        batchRows,
      });
    }
    from = await beginAgain(plan, input, attempt);
  }
}

function isUnreadable(error: unknown): error is DatabaseFailure {
  return error instanceof DatabaseFailure && error.kind === 'damaged' && error.place.side === 'local';
}

/** Where the site stands after a run that did not come to its end. */
async function beginAgain(plan: UploadPlan, input: UploadReadingsInput, { signal }: Attempt): Promise<Begin> {
  const here = await readLocalUpload(plan.local, input, { signal, purpose: 'toSign' });
  return { here, ...(await readPlace(plan, input, here, signal)) };
}

/**
 * Uploads with batches that overlap. Where a server turns out to have no connection for a second batch, one follows another:
 * what is done stays done, and the rest begins anew behind it.
 */
async function uploadAsConnectionsAllow(
  begin: Begin,
  plan: UploadPlan,
  input: UploadReadingsInput,
  attempt: Attempt,
): Promise<UploadProgress> {
  const startedAt = performance.now();
  const reached: { done: UploadProgress | null } = { done: null };
  try {
    return await uploadFrom(begin, plan, input, { ...attempt, onBatch: (progress) => (reached.done = progress) });
  } catch (error) {
    const isRefused = error instanceof DatabaseFailure && error.sqlstate === SQLSTATE.tooManyConnections;
    if (!isRefused || reached.done === null || plan.batchesInFlight === 1) throw error;
    attempt.log.info('no connection for a second batch; one batch follows another', { ...error.place });
  }
  const { done } = reached;
  const again = await beginAgain(plan, input, attempt);
  const maxDurationMs = Math.max(0, input.maxDurationMs - (performance.now() - startedAt));
  const rest = await uploadFrom(again, { ...plan, batchesInFlight: 1 }, { ...input, maxDurationMs }, attempt);
  const oldestLeft = rest.oldestLeft ?? done.oldestLeft;
  const clockDifferenceMs = rest.clockDifferenceMs ?? done.clockDifferenceMs;
  return { ...rest, ...addCounts(done, rest), batches: done.batches + rest.batches, oldestLeft, clockDifferenceMs };
}

/** Uploads the batches from where the site stands, and keeps what they have taught of their size. */
async function uploadFrom(
  { here: { state, learnedRows, hasQuarantine }, place, signing }: Begin,
  plan: UploadPlan,
  input: UploadReadingsInput,
  attempt: Attempt & { readonly onBatch?: (progress: UploadProgress) => void },
): Promise<UploadProgress> {
  const claim = (batchRows: number): Promise<ClaimedState> =>
    claimSite(
      plan.local,
      { ...input, batchRows, readings: plan.readings.table },
      { state, place, list: signing?.list ?? null },
    );
  const tried = firstBatchRows(learnedRows, input.batchRows);
  let batchRows = tried;
  try {
    const taking = { ...plan, queue: { ...plan.queue, quarantineOf: hasQuarantine ? input.siteId : null } };
    const run = { plan: taking, input, state, batchRows: tried, isOneAhead: place.isOneAhead, signing, claim };
    return await uploadBatches(run, attempt, (progress) => {
      ({ batchRows } = progress);
      attempt.onBatch?.(progress);
      attempt.heartbeat({ ...progress });
    });
  } catch (error) {
    const sqlstate = error instanceof DatabaseFailure ? error.sqlstate : null;
    if (isOfSize({ kind: toFailureKind(error), sqlstate })) batchRows = smallerBatchRows(batchRows);
    throw error;
  } finally {
    if (batchRows !== tried) await keepLearnedRows(plan.local, input.siteId, batchRows, claim);
  }
}

/** A month of a record a minute takes some seconds; what is left then is sealed by the next upload. */
const SEAL_MAX_MS = 5_000;

/**
 * Seals the records of months that are over, up to where the run began: the first upload of a new month does. It only makes
 * `verify` quick, so what keeps it back is told and fails no upload.
 */
async function sealMonth(
  { here, place }: Begin,
  { remote }: UploadPlan,
  { siteId }: UploadReadingsInput,
  { signal, log }: Attempt,
): Promise<void> {
  const order = { siteId, upTo: place.link, keys: here.signingKeys, maxDurationMs: SEAL_MAX_MS, signal };
  try {
    const made = await sealChain(remote, order);
    if (made !== null) log.info('custody records sealed', { seq: made.seq, records: made.records });
  } catch (error) {
    signal.throwIfAborted();
    log.warn('custody records could not be sealed', { reason: error instanceof Error ? error.message : String(error) });
  }
}

/**
 * A table that is changed, or a right that is taken away, while batches move makes a statement fail, and PostgreSQL does not
 * always name the column. Comparing the tables again does.
 * @throws DatabaseFailure of what the tables have become; else the error as it was
 */
async function failByName(error: unknown, ends: UploadEnds, signal: AbortSignal): Promise<never> {
  forgetPlan(ends);
  if (!isOfTables(error)) throw error;
  await planUpload(ends, signal).catch((named: unknown) => {
    if (isOfTables(named)) throw named;
  }); // a plan that fails in another way, the link for one, says nothing of this error
  throw error;
}

function isOfTables(error: unknown): boolean {
  const kind = toFailureKind(error);
  return kind === 'schema' || kind === 'credentials' || error instanceof TableChanged;
}

async function report(
  { local, queue }: UploadPlan,
  { siteId, hadQuarantine }: { readonly siteId: string; readonly hadQuarantine: boolean },
  progress: UploadProgress & Pick<UploadReadingsResult, 'lostAtRemote' | 'signingKey'>,
  { log, signal }: Attempt,
): Promise<UploadReadingsResult> {
  const mayHold = hadQuarantine || progress.quarantined > 0;
  const inQuarantine = mayHold ? await tidyQuarantine(local, queue, siteId, signal) : 0;
  const quarantineOf = inQuarantine > 0 ? siteId : null;
  const figures = await readQueueFigures(local, { ...queue, quarantineOf }, signal);
  const { batchRows, oldestLeft, batchMs, ...counts } = progress;
  const oldestUnsynced = figures.oldestUnsynced ?? (figures.queueSize > 0 ? oldestLeft : null);
  const result = { ...counts, inQuarantine, ...figures, oldestUnsynced, observedAt: new Date().toISOString() };
  // The workflow logs the same figures as the cycle's own line: at info it would be said twice.
  log.debug('upload finished', { ...result, batchRows, batchMs });
  return result;
}

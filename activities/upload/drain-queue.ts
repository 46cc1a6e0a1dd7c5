import { firstBatchRows, isOfSize, smallerBatchRows } from '../../src/model/batch-size.js';
import { addCounts } from '../../src/model/custody.js';
import type { UploadReadingsInput, UploadReadingsResult } from '../../src/model/operations.js';
import { DatabaseFailure, toFailureKind } from '../../src/postgres/errors.js';
import { SQLSTATE } from '../../src/postgres/sqlstate.js';
import type { Attempt } from '../attempt.js';
import { claimSite, keepLearnedRows } from './custody/claim.js';
import { releaseHealed } from './quarantine/heal.js';
import { planUpload, type UploadEnds, type UploadPlan } from './plan/plan-upload.js';
import { tidyQuarantine } from './quarantine/note.js';
import { readQueueFigures } from './queue/queue-figures.js';
import { type LocalUpload, readChain, readLocalUpload, type Stand, standAt } from './custody/read-chain.js';
import { withSiteLock } from './queue/site-lock.js';
import { type Drained, uploadBatches } from './upload-batches.js';
import type { Turn } from './upload-batch.js';
import { warnOnce } from './plan/warn-once.js';

/**
 * Uploads batch after batch, oldest readings first, until the queue is empty, `maxDurationMs` has passed or the attempt
 * is to end. A batch under way is finished, unless the attempt was given up: then its transactions are cut.
 * @throws DatabaseFailure `schema`, `busy`, `data`, `unreachable` - earlier batches of this drain are done and stay done
 * @throws DatabaseFailure `fenced` - the site's place in the custody chain is not the remote's; nothing moved
 * @throws UnsettledBatch - the servers' counts of a batch do not agree
 */
export async function drainQueue(
  ends: UploadEnds,
  input: UploadReadingsInput,
  attempt: Attempt,
): Promise<UploadReadingsResult> {
  return withSiteLock(ends.local, input.siteId, attempt.signal, async (signal) => {
    const locked = { ...attempt, signal };
    const here = await readLocalUpload(ends.local, input, signal); // fails early without `init`
    const plan = await planUpload(ends, signal);
    warnOnce(plan, attempt.log);
    const stand = await findStand(plan, input, here, signal);
    if (here.hasQuarantine) await releaseHealed(plan, input.siteId, locked);
    const quarantineOf = here.hasQuarantine ? input.siteId : null;
    const queued = { ...plan, queue: { ...plan.queue, quarantineOf } };
    const drained = await drainAsConnectionsAllow(queued, input, { here, stand }, locked);
    return report(plan, input, drained, locked);
  });
}

/** Without custody a site stands wherever it was; a batch that was sent before is then met by its keys alone. */
async function findStand(
  { remote, custody }: UploadPlan,
  { siteId }: UploadReadingsInput,
  { chain }: LocalUpload,
  signal: AbortSignal,
): Promise<Stand> {
  if (custody === 'off') return { link: chain, isOneAhead: false };
  return standAt(siteId, chain, await readChain(remote, siteId, chain.seq, signal));
}

/** Where a drain begins. */
interface Begin {
  readonly here: LocalUpload;
  readonly stand: Stand;
}

/**
 * Drains with batches that overlap. Where a server turns out to have no connection for a second batch, one follows another:
 * what is done stays done, and the rest begins anew behind it.
 */
async function drainAsConnectionsAllow(
  plan: UploadPlan,
  input: UploadReadingsInput,
  begin: Begin,
  attempt: Attempt,
): Promise<Drained> {
  const startedAt = performance.now();
  const progress: { done: Drained | null } = { done: null };
  try {
    return await drain(plan, input, begin, { ...attempt, onBatch: (done) => (progress.done = done) });
  } catch (error) {
    const isRefused = error instanceof DatabaseFailure && error.sqlstate === SQLSTATE.tooManyConnections;
    if (!isRefused || progress.done === null || plan.batchesInFlight === 1) throw error;
    attempt.log.info('no connection for a second batch; one batch follows another', { ...error.place });
  }
  const { done } = progress;
  const here = await readLocalUpload(plan.local, input, attempt.signal);
  const stand = await findStand(plan, input, here, attempt.signal);
  const maxDurationMs = Math.max(0, input.maxDurationMs - (performance.now() - startedAt));
  const one = { ...plan, batchesInFlight: 1 };
  const rest = await drain(one, { ...input, maxDurationMs }, { here, stand }, attempt);
  const oldestLeft = rest.oldestLeft ?? done.oldestLeft;
  return { ...rest, ...addCounts(done, rest), batches: done.batches + rest.batches, oldestLeft };
}

async function drain(
  plan: UploadPlan,
  input: UploadReadingsInput,
  { here, stand }: Begin,
  attempt: Attempt & { readonly onBatch?: (drained: Drained) => void },
): Promise<Drained> {
  const claim = (batchRows: number): Promise<Turn> => {
    const place = { state: here.state, stand, commitsLate: plan.localCommitsLate };
    return claimSite(plan.local, { ...input, batchRows }, place);
  };
  const { state, learnedRows } = here;
  const tried = firstBatchRows(learnedRows, input.batchRows);
  let batchRows = tried;
  try {
    return await uploadBatches(
      { plan, input, state, learnedRows, isOneAhead: stand.isOneAhead, claim },
      attempt,
      (drained) => {
        ({ batchRows } = drained);
        attempt.onBatch?.(drained);
        attempt.heartbeat({ ...drained });
      },
    );
  } catch (error) {
    const sqlstate = error instanceof DatabaseFailure ? error.sqlstate : null;
    if (isOfSize({ kind: toFailureKind(error), sqlstate })) batchRows = smallerBatchRows(batchRows);
    throw error;
  } finally {
    if (batchRows !== tried) await keepLearnedRows(plan.local, input.siteId, batchRows, claim);
  }
}

async function report(
  { local, queue }: UploadPlan,
  { siteId }: UploadReadingsInput,
  drained: Drained,
  { log, signal }: Attempt,
): Promise<UploadReadingsResult> {
  const inQuarantine = await tidyQuarantine(local, queue, siteId, signal);
  const quarantineOf = inQuarantine > 0 ? siteId : null;
  const figures = await readQueueFigures(local, { ...queue, quarantineOf }, signal);
  const { batchRows, oldestLeft, ...counts } = drained;
  const oldestUnsynced = figures.oldestUnsynced ?? (figures.queueSize > 0 ? oldestLeft : null);
  const result = { ...counts, inQuarantine, ...figures, oldestUnsynced, observedAt: new Date().toISOString() };
  // The workflow logs the same figures as the cycle's own line: at info it would be said twice.
  log.debug('upload finished', { ...result, batchRows });
  return result;
}

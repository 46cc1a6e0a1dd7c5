import { setTimeout as pause } from 'node:timers/promises';
import { drainQueue } from '../../../activities/upload/drain-queue.js';
import type { UploadReadingsResult } from '../../../src/model/operations.js';
import type { Side } from '../../../src/model/failures.js';
import { DatabaseFailure, toFailureKind } from '../../../src/postgres/errors.js';
import { createPool } from '../../../src/postgres/pool.js';
import type { Database } from '../../../src/postgres/session.js';
import type { Attempted, FromWorker, ToWorker, WorkOrder } from './worker-messages.js';

/**
 * The worker process of the lab: attempt after attempt to drain the queue, as a real worker makes them, but with hardly a
 * pause in between. It is made to be killed.
 */
const RETRY_AFTER_MS = 20;
const IDLE_MS = 20;

/** Attempts that went well since the end was asked for: the one that was under way then may have missed the last readings. */
const LAST_ATTEMPTS = 2;

let wantsEnd = false;

function tell(message: FromWorker): void {
  process.send?.(message);
}

process.on('disconnect', () => process.exit(0)); // the lab has ended
process.on('message', (message: ToWorker) => {
  if (message.type === 'finish') wantsEnd = true;
  else void work(message.order);
});
tell({ type: 'ready' });

async function work(order: WorkOrder): Promise<void> {
  wantsEnd = false;
  const local = open('local', order);
  const remote = open('remote', order);
  for (let isDone = false, last = 0; !isDone;) {
    try {
      const isLast = wantsEnd;
      const result = await attempt(local, remote, order);
      tell({ type: 'attempt', failure: null, ...pickCounts(result) });
      if (isLast && !result.more && result.queueSize === 0) last += 1;
      isDone = last >= LAST_ATTEMPTS;
      if (!isDone && result.queueSize === 0) await pause(IDLE_MS);
    } catch (error) {
      tell({ type: 'attempt', failure: describe(error), batches: 0, queueSize: -1 });
      await pause(RETRY_AFTER_MS);
    }
  }
  await Promise.all([local.pool.end(), remote.pool.end()]);
  tell({ type: 'drained' });
}

function attempt(local: Database, remote: Database, order: WorkOrder): Promise<UploadReadingsResult> {
  const { batchRows, maxDurationMs } = order;
  const never = new AbortController().signal;
  const quiet = (): void => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const input = { siteId: order.siteId, owner: 'lab', batchRows, maxDurationMs };
  return drainQueue({ local, remote, readings: order.readings }, input, {
    signal: never,
    earlyEnd: never,
    heartbeat: quiet,
    log,
  });
}

function open(side: Side, order: WorkOrder): Database {
  const { port, database, user, password } = order[side];
  const settings = { host: '127.0.0.1', port, database, user, password: () => password, ssl: false } as const;
  const pool = createPool({ ...settings, applicationName: 'meter-sync lab', maxConnections: 10 }, () => undefined); // lost idle connections are what the lab makes
  return { side, pool };
}

function describe(error: unknown): NonNullable<Attempted['failure']> {
  const message = error instanceof Error ? error.message : String(error);
  const sqlstate = error instanceof DatabaseFailure ? error.sqlstate : null;
  return { kind: toFailureKind(error), message, sqlstate };
}

function pickCounts({ batches, queueSize }: UploadReadingsResult): Pick<Attempted, 'batches' | 'queueSize'> {
  return { batches, queueSize };
}

import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { literal } from '../../../src/postgres/identifier.js';
import type { Database, Session } from '../../../src/postgres/session.js';
import { withTransaction } from '../../../src/postgres/transaction.js';

/**
 * Runs `work` while this process alone holds the lock of the site's upload in the local database. Downloads have locks of
 * their own. It keeps out the zombie attempt of an
 * activity that timed out. The lock belongs to a transaction of its own, since batches overlap; when its connection is
 * lost the signal given to `work` aborts, and with it all that the run has under way. Its session may ask, and changes nothing. The
 * site's server may allow a transaction less time than a run takes: `work` is told how long it may begin batches.
 * @throws DatabaseFailure `busy` - another run of this site is at work; `unreachable` - the lock was lost
 */
export async function withUploadLock<Result>(
  local: Database,
  siteId: string,
  signal: AbortSignal,
  work: (signal: AbortSignal, lock: Session, maxDurationMs: number) => Promise<Result>,
): Promise<Result> {
  const lost = new AbortController();
  const name = literal(`meter-sync upload ${siteId}`);
  const take = `select pg_try_advisory_xact_lock(hashtextextended(${name}, 0))::text as locked,
    (select s.setting from pg_catalog.pg_settings s where s.name = 'transaction_timeout') as transaction_ms`;
  const options = { isolation: 'read committed', signal, opening: [take] } as const;
  return withTransaction(local, options, async (session, [answer]) => {
    const [lock] = (answer ?? []) as { readonly locked: string; readonly transaction_ms: string | null }[];
    if (lock?.locked !== 'true') {
      const message = `local database: another upload of site ${siteId} is still at work; expected one at a time`;
      throw new DatabaseFailure('busy', message, { side: 'local' });
    }
    const loss = `local database: the connection that holds the site's lock was lost, so the upload ended; nothing is half done`;
    const onLoss = (): void => lost.abort(new DatabaseFailure('unreachable', loss, { side: 'local' }));
    session.client.once('error', onLoss);
    try {
      return await work(AbortSignal.any([signal, lost.signal]), session, toMaxDuration(Number(lock.transaction_ms)));
    } finally {
      session.client.off('error', onLoss);
    }
  });
}

/** Half for batches, the rest for the one under way at the end and for the report. 0: no limit, as before PostgreSQL 17. */
function toMaxDuration(transactionMs: number): number {
  return transactionMs === 0 ? Infinity : transactionMs / 2;
}

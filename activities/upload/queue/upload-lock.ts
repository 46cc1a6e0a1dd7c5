import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { literal } from '../../../src/postgres/identifier.js';
import type { Database, Session } from '../../../src/postgres/session.js';
import { NEVER_IDLE, withTransaction } from '../../../src/postgres/transaction.js';

/**
 * Runs `work` while this process alone holds the lock of the site's upload in the local database. Downloads have locks of
 * their own. It keeps out the zombie attempt of an
 * activity that timed out. The lock belongs to a transaction of its own, since batches overlap; when its connection is
 * lost the signal given to `work` aborts, and with it all that the run has under way. Its session may ask, and changes nothing.
 * @throws DatabaseFailure `busy` - another run of this site is at work; `unreachable` - the lock was lost
 */
export async function withUploadLock<Result>(
  local: Database,
  siteId: string,
  signal: AbortSignal,
  work: (signal: AbortSignal, lock: Session) => Promise<Result>,
): Promise<Result> {
  const lost = new AbortController();
  const name = literal(`meter-sync upload ${siteId}`);
  const take = `select pg_try_advisory_xact_lock(hashtextextended(${name}, 0))::text as locked`;
  const options = { isolation: 'read committed', signal, opening: [NEVER_IDLE, take] } as const;
  return withTransaction(local, options, async (session, [, answer]) => {
    const [lock] = (answer ?? []) as { readonly locked: string }[];
    if (lock?.locked !== 'true') {
      const message = `local database: another upload of site ${siteId} is still at work; wanted: one at a time`;
      throw new DatabaseFailure('busy', message, { side: 'local' });
    }
    const loss = `local database: the connection that holds the site's lock was lost, so the upload ended; nothing is half done`;
    const onLoss = (): void => lost.abort(new DatabaseFailure('unreachable', loss, { side: 'local' }));
    session.client.once('error', onLoss);
    try {
      return await work(AbortSignal.any([signal, lost.signal]), session);
    } finally {
      session.client.off('error', onLoss);
    }
  });
}

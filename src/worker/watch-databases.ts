import type { SiteDatabases } from '../../activities/dependencies.js';
import { FAILURE_RULES, nameDba, nameSite } from '../model/failures.js';
import { toDatabaseFailure } from '../postgres/errors.js';
import { type Database, run } from '../postgres/session.js';
import { withTransaction } from '../postgres/transaction.js';
import type { WorkerLogger } from './logger.js';
import { growingWaits, hourly, waitFor } from './waits.js';

/**
 * Tells, at the start of a worker, which databases answer, and asks the others again until they do. Nothing waits for
 * it: a cycle that finds a database down records that, and the next one tries again.
 * @returns when every database has answered, or the signal has aborted
 */
export async function watchDatabases(
  sites: ReadonlyMap<string, SiteDatabases>,
  logger: WorkerLogger,
  end: AbortSignal,
): Promise<void> {
  const watches = [...sites].flatMap(([site, { local, remote }]) =>
    [local, remote].map((database) => untilItAnswers(database, { site, logger, end })),
  );
  await Promise.all(watches);
}

interface Watch {
  readonly site: string;
  readonly logger: WorkerLogger;
  readonly end: AbortSignal;
}

async function untilItAnswers(database: Database, { site, logger, end }: Watch): Promise<void> {
  const waits = growingWaits();
  const isToBeTold = hourly();
  while (!end.aborted) {
    try {
      const version = await readVersion(database, end);
      return logger.info('database answers', { site, database: database.side, version });
    } catch (error) {
      if (end.aborted) return; // the worker ends: nobody waits for this answer any more
      const { kind, message, sqlstate, next: ownNext } = toDatabaseFailure(error, database.side);
      const waitMs = waits.next();
      const next = nameSite(nameDba(ownNext ?? FAILURE_RULES[kind].next, database.side), site);
      const facts = { site, kind, sqlstate, problem: message, next, waitMs };
      logger[isToBeTold() ? 'warn' : 'debug']('database does not answer; asking again', facts);
      await waitFor(waitMs, end).catch(() => undefined); // aborted: the loop sees it
    }
  }
}

async function readVersion(database: Database, signal: AbortSignal): Promise<string | null> {
  const options = { isolation: 'repeatable read, read only', signal } as const;
  return withTransaction(database, options, async (session) => {
    const [row] = await run<{ server_version: string }>(session, { text: 'show server_version', values: [] });
    return row?.server_version ?? null;
  });
}

import { run, runAll, type Session } from './session.js';

/**
 * Runs `work` behind a savepoint of the session's transaction: when it throws, what it did is undone and the transaction
 * lives on. May be nested.
 * @throws what `work` throws
 */
export async function withSavepoint<Result>(session: Session, work: () => Promise<Result>): Promise<Result> {
  await run(session, { text: 'savepoint meter_sync', values: [] });
  try {
    const result = await work();
    await run(session, { text: 'release savepoint meter_sync', values: [] });
    return result;
  } catch (error) {
    await undo(session).catch(() => undefined); // `error` says why; without its savepoint the transaction can do nothing more
    throw error;
  }
}

/** Released as well, else its name would hide the savepoint around it. */
async function undo(session: Session): Promise<void> {
  await runAll(session, ['rollback to savepoint meter_sync', 'release savepoint meter_sync']);
}

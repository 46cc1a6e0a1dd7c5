import { run, type Database, type Session } from '../../src/postgres/session.js';
import { setTextForms } from '../../src/postgres/text-forms.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { type Queue, selectQueueFigures } from './queue.js';

/** How much is queued, and since when. */
export interface QueueFigures {
  readonly queueSize: number;
  /** ISO 8601 UTC; null when the queue is empty, or has no reading with such an instant. */
  readonly oldestUnsynced: string | null;
}

/**
 * Counts the queue. With a large backlog this reads the whole table, so it is asked once per drain, not once per batch.
 * @throws DatabaseFailure of the local side
 */
export async function readQueueFigures(local: Database, queue: Queue, signal: AbortSignal): Promise<QueueFigures> {
  return withTransaction(local, { isolation: 'repeatable read, read only', signal }, async (session) => {
    await run(session, setTextForms());
    return readFiguresOf(session, queue);
  });
}

/** The same in a transaction of the caller, which has set its text forms. */
export async function readFiguresOf(session: Session, queue: Queue): Promise<QueueFigures> {
  const [row] = await run<FiguresRow>(session, selectQueueFigures(queue));
  return { queueSize: Number(row?.queue_size), oldestUnsynced: row?.oldest_unsynced ?? null };
}

interface FiguresRow {
  readonly queue_size: string;
  readonly oldest_unsynced: string | null;
}

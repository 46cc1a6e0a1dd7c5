import { DatabaseFailure } from './errors.js';
import { withSavepoint } from './savepoint.js';
import type { Session } from './session.js';

/** A row that the database refused alone, and why. */
export interface Culprit<Item> {
  readonly item: Item;
  readonly failure: DatabaseFailure;
}

/** What was applied, in parts, and what was refused. */
interface Isolated<Item, Result> {
  readonly results: readonly Result[];
  readonly culprits: readonly Culprit<Item>[];
}

/** True when the values of a row are to blame, so that other rows may pass; false for everything that stops all. */
export function isRowRefused(error: unknown): error is DatabaseFailure {
  return error instanceof DatabaseFailure && (error.kind === 'data' || error.isOfRow);
}

/** Which failures are an item's own, and how many of them are too many. */
interface Isolation {
  readonly isCulprit?: (error: unknown) => error is DatabaseFailure;
  /** Beyond so many culprits it ends, with one more than that; absent: it finds them all. */
  readonly limit?: number;
}

/**
 * Applies all items, and halves them as long as a row among them is refused: one culprit among n costs 2 log2 n attempts.
 * @throws what `apply` throws, when no row is to blame
 */
export async function isolateCulprits<Item, Result>(
  session: Session,
  items: readonly Item[],
  apply: (part: readonly Item[]) => Promise<Result>,
  { isCulprit = isRowRefused, limit = Infinity }: Isolation = {},
): Promise<Isolated<Item, Result>> {
  const results: Result[] = [];
  const culprits: Culprit<Item>[] = [];
  const parts = [items]; // the next one last
  for (let part = parts.pop(); part !== undefined && culprits.length <= limit; part = parts.pop()) {
    const [item] = part;
    if (item === undefined) continue;
    const applied = part;
    try {
      results.push(await withSavepoint(session, () => apply(applied)));
    } catch (error) {
      if (!isCulprit(error)) throw error;
      const middle = Math.ceil(part.length / 2);
      if (part.length === 1) culprits.push({ item, failure: error });
      else parts.push(part.slice(middle), part.slice(0, middle));
    }
  }
  return { results, culprits };
}

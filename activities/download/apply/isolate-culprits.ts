import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import type { Session } from '../../../src/postgres/session.js';

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

/**
 * Applies all items, and halves them as long as a row among them is refused: one culprit among n costs 2 log2 n trips.
 * @throws what `apply` throws, when no row is to blame
 */
export async function isolateCulprits<Item, Result>(
  session: Session,
  items: readonly Item[],
  apply: (part: readonly Item[]) => Promise<Result>,
): Promise<Isolated<Item, Result>> {
  const [item] = items;
  if (item === undefined) return { results: [], culprits: [] };
  try {
    return { results: [await withSavepoint(session, () => apply(items))], culprits: [] };
  } catch (error) {
    if (!isRowRefused(error)) throw error;
    if (items.length === 1) return { results: [], culprits: [{ item, failure: error }] };
  }
  const middle = Math.ceil(items.length / 2);
  const first = await isolateCulprits(session, items.slice(0, middle), apply);
  const second = await isolateCulprits(session, items.slice(middle), apply);
  return { results: [...first.results, ...second.results], culprits: [...first.culprits, ...second.culprits] };
}

import type { NamedRow } from '../../../src/model/operations.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { DIFFERENCES } from './tables.js';

/** A row that the local database refuses, and why. */
export interface RefusedRow extends NamedRow {
  /** As text. */
  readonly keyHash: string;
  /** Of what the remote has; null: a list has told it. */
  readonly rowHash: string | null;
  readonly failure: DatabaseFailure;
}

/** What SQL tells of a row that was not taken. */
export interface DescribedRow {
  readonly key_hash: string;
  /** A JSON array of texts. */
  readonly key: string;
  readonly name: string | null;
}

/** Such a row, and why it was not taken. */
export function toRefused(row: DescribedRow, failure: DatabaseFailure): RefusedRow {
  const { key_hash: keyHash, key, name } = row;
  return { keyHash, rowHash: null, key: JSON.parse(key) as string[], name, failure };
}

/** Notes why rows are not as the remote has them: another row must come first, or the local table says no. So the latter are tried again when they change and not in each cycle. */
export async function noteTrouble(
  here: Session,
  rows: readonly RefusedRow[],
  trouble: 'waiting' | 'refused',
): Promise<void> {
  if (rows.length === 0) return;
  await run(here, {
    text: `update ${DIFFERENCES} as d set trouble = $2 from unnest($1::bigint[]) as t(key_hash) where d.key_hash = t.key_hash`,
    values: [rows.map(({ keyHash }) => keyHash), trouble],
  });
}

/** True when the values of a row are to blame, so that other rows may pass; false for everything that stops all. */
export function isRowRefused(error: unknown): error is DatabaseFailure {
  return error instanceof DatabaseFailure && (error.kind === 'data' || error.isOfRow);
}

/** A row that the database refused alone, and why. */
export interface Culprit<Item> {
  readonly item: Item;
  readonly failure: DatabaseFailure;
}

/**
 * Applies all items, and halves them as long as a row among them is refused: one culprit among n costs 2 log2 n trips.
 * @returns what `apply` answered to each part that passed, and the culprits
 * @throws what `apply` throws, when no row is to blame
 */
export async function isolateCulprits<Item, Result>(
  session: Session,
  items: readonly Item[],
  apply: (part: readonly Item[]) => Promise<Result>,
): Promise<{ readonly results: readonly Result[]; readonly culprits: readonly Culprit<Item>[] }> {
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

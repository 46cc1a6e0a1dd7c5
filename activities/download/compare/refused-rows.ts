import type { NamedRow } from '../../../src/model/operations.js';
import type { DatabaseFailure } from '../../../src/postgres/errors.js';
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

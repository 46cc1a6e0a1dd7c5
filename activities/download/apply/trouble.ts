import type { NamedRow } from '../../../src/model/operations.js';
import type { DatabaseFailure } from '../../../src/postgres/errors.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { TROUBLE } from '../compare/staging.js';

/** A row that the local database refuses, and why. */
export interface RefusedRow extends NamedRow {
  /** Of its key and of what the remote has; both as text. */
  readonly keyHash: string;
  readonly rowHash: string | null;
  readonly failure: DatabaseFailure;
}

/** What SQL tells of a row that was not taken. */
export interface DescribedKey {
  readonly key_hash: string;
  readonly row_hash: string | null;
  /** A JSON array of texts. */
  readonly key: string;
  readonly name: string | null;
}

/** Such a row, and why it was not taken. */
export function toRefused(row: DescribedKey, failure: DatabaseFailure): RefusedRow {
  const { key_hash: keyHash, row_hash: rowHash, key, name } = row;
  return { keyHash, rowHash, key: JSON.parse(key) as string[], name, failure };
}

/** Why a row is not as the remote has it: another row must come first, or the local table says no. */
export type Trouble = 'waiting' | 'refused';

/** Notes rows that the local table has not taken, so that they are tried again when they change and not in each cycle. */
export async function noteTrouble(here: Session, rows: readonly RefusedRow[], state: Trouble): Promise<void> {
  if (rows.length === 0) return;
  await run(here, {
    text: `insert into ${TROUBLE} (key_hash, row_hash, state) select *, $3 from unnest($1::bigint[], $2::bigint[])`,
    values: [rows.map(({ keyHash }) => keyHash), rows.map(({ rowHash }) => rowHash), state],
  });
}

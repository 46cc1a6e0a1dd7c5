import type { Link } from '../../../src/model/chain.js';
import type { HashedColumn } from '../../../src/model/hashed-column.js';
import { literal } from '../../../src/postgres/identifier.js';
import type { DayStates } from '../days/day-states.js';
import { COLUMNS_ID_BYTES, digestColumns, digestKey } from './signed-text.js';
import type { SiteKey } from './site-key.js';

/** The columns of a run's batches, as their records name them. */
export interface ColumnList {
  /** JSON, as it is stored. */
  readonly columns: string;
  readonly dayColumn: string | null;
  /** Hexadecimal. */
  readonly digest: string;
  /** The first bytes of the digest, hexadecimal. */
  readonly id: string;
}

/** The list that the records of a run name. */
export function toColumnList(columns: readonly HashedColumn[], dayColumn: HashedColumn | null): ColumnList {
  const text = JSON.stringify(columns.map(({ name, type }) => [name, type]));
  const day = dayColumn?.name ?? null;
  const digest = digestColumns(text, day).toString('hex');
  return { columns: text, dayColumn: day, digest, id: digest.slice(0, 2 * COLUMNS_ID_BYTES) };
}

/** A public key that the remote has of the site, and the record that it signs first. */
export interface AnnouncedKey {
  readonly fromSeq: number;
  readonly publicKey: string;
}

/** What the remote knows of what the next record names. */
export interface KnownCompanions {
  readonly hasColumns: boolean;
  /** In the order of their first records. */
  readonly keys: readonly AnnouncedKey[];
}

/** How the records of a run are signed, and what the first of them brings along. */
export interface Signing {
  readonly key: SiteKey;
  readonly list: ColumnList;
  /** The place of the run's first record. */
  readonly firstSeq: number;
  /** The hashes of the days that the run delivers to; null: readings are not hashed. */
  readonly states: DayStates | null;
  /** Statements for the transaction of that record; none when the remote has all that it names. */
  readonly companions: readonly string[];
}

/**
 * How a run signs the records after `place`. A list of columns or a public key that the remote lacks is written with the first
 * record that needs it: on a remote that was restored from an older backup, too.
 * @param keys what the site can sign with, the one in use first
 */
export function planSigning(
  siteId: string,
  place: Link,
  { key, keys, list, states }: Pick<Signing, 'key' | 'list' | 'states'> & { keys: readonly SiteKey[] },
  known: KnownCompanions,
): Signing {
  const firstSeq = place.seq + 1;
  const announced = known.keys.filter(({ fromSeq }) => fromSeq <= firstSeq);
  // A site that was restored to before its key was changed signs with the old one again, and says from where.
  const isInForce = announced.at(-1)?.publicKey === key.publicKey;
  const previous = keys.find((older) => older !== key && announced.some((one) => one.publicKey === older.publicKey));
  const companions = [
    ...(known.hasColumns ? [] : [insertColumns(list)]),
    ...(isInForce ? [] : [insertKey(siteId, firstSeq, key, previous ?? null)]),
  ];
  return { key, list, firstSeq, states, companions };
}

/** Another site with the same table may write the same list at the same time. */
function insertColumns({ id, columns, dayColumn }: ColumnList): string {
  return `
    insert into meter_sync.custody_columns (id, columns, day_column)
    values (decode('${id}', 'hex'), ${literal(columns)}::json, ${dayColumn === null ? 'null' : literal(dayColumn)})
    on conflict do nothing`;
}

/** A new key is signed by itself and by the one that it follows: who trusts one of them can trust both. */
function insertKey(siteId: string, fromSeq: number, key: SiteKey, previous: SiteKey | null): string {
  const digest = digestKey(siteId, fromSeq, key.publicKey, previous?.publicKey ?? null);
  const bytea = (hex: string | undefined): string => (hex === undefined ? 'null' : `decode('${hex}', 'hex')`);
  return `
    insert into meter_sync.custody_key (site, from_seq, public_key, previous_key, signature, previous_signature)
    values (${literal(siteId)}, ${fromSeq}, ${bytea(key.publicKey)}, ${bytea(previous?.publicKey)},
      ${bytea(key.sign(digest).toString('hex'))}, ${bytea(previous?.sign(digest).toString('hex'))})
    on conflict do nothing`;
}

import { createHash } from 'node:crypto';

/** What is signed: a custody record, a list of columns that records name, a public key, a seal. Their digests can never be the same. */
export type SignedKind = 'record' | 'columns' | 'key' | 'seal';

/**
 * The digest of facts: SHA-256 over their kind and their texts, each as `<bytes in UTF-8>:<text>,` so that no two lists come to
 * the same bytes; what is null as `-,`. docs/protocol.md defines which texts, for verifiers in other languages.
 */
export function digestOf(kind: SignedKind, texts: readonly (string | null)[]): Buffer {
  const strings = [kind, ...texts].map((text) => (text === null ? '-,' : `${Buffer.byteLength(text)}:${text},`));
  return createHash('sha256').update(strings.join('')).digest();
}

/** The facts of a custody record as texts, as its digest takes them. */
export interface RecordTexts {
  readonly site: string;
  readonly seq: string;
  /** Hexadecimal; that of the record before, which no record stores. */
  readonly previousDigest: string;
  readonly contentDigest: string;
  readonly rows: string;
  readonly alreadyThere: string;
  /** All 32 bytes, of which the record stores the first ones. */
  readonly columnsDigest: string;
  readonly days: string | null;
  /** ISO 8601 UTC with microseconds. */
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
  readonly claim: string;
  readonly sentBy: string;
  readonly sentFrom: string | null;
  readonly committedAt: string;
}

/** The digest of a custody record, which its signature is over. */
export function digestRecord(record: RecordTexts): Buffer {
  return digestOf('record', [
    record.site,
    record.seq,
    record.previousDigest,
    record.contentDigest,
    record.rows,
    record.alreadyThere,
    record.columnsDigest,
    record.days,
    record.firstTimestamp,
    record.lastTimestamp,
    record.claim,
    record.sentBy,
    record.sentFrom,
    record.committedAt,
  ]);
}

/** The digest of a list of columns: `columns` as it is stored. */
export function digestColumns(columns: string, dayColumn: string | null): Buffer {
  return digestOf('columns', [columns, dayColumn]);
}

/** So many bytes of a list's digest name it. */
export const COLUMNS_ID_BYTES = 8;

/** The digest of a public key's row, signed by the key itself and by the one before it. */
export function digestKey(siteId: string, fromSeq: number, publicKey: string, previousKey: string | null): Buffer {
  return digestOf('key', [siteId, String(fromSeq), publicKey, previousKey]);
}

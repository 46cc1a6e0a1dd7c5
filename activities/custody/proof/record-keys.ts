import { type KeyObject, verify } from 'node:crypto';
import { run, type Session } from '../../../src/postgres/session.js';
import { digestKey } from '../records/signed-text.js';
import { toPublicKey } from '../records/site-key.js';

/** The keys that sign a site's records, each from a record on; and the rows that nobody vouches for. */
export interface RecordKeys {
  /** The key that signs this record, and a seal that ends with it; null: there is none that can be trusted. */
  readonly at: (seq: number) => RecordKey | null;
  /** From which record on each key that cannot be trusted claims to sign. */
  readonly strangers: readonly number[];
}

/** A key that signs records. */
export interface RecordKey {
  /** Hexadecimal. */
  readonly publicKey: string;
  readonly key: KeyObject;
}

interface KeyRow {
  readonly from_seq: string;
  readonly public_key: string;
  readonly previous_key: string | null;
  readonly signature: string;
  readonly previous_signature: string | null;
}

interface JudgedKey extends KeyRow {
  readonly fromSeq: number;
  readonly key: KeyObject | null;
  /** True when the key it names as the one before has signed it, too. */
  readonly isLinked: boolean;
}

/**
 * Reads the keys of a site's chain. A key can be trusted when it is one of `trusted`, or when it is linked to such a one by a row
 * that both have signed: the one that came after it, or the one that it came after.
 */
export async function readRecordKeys(
  session: Session,
  siteId: string,
  trusted: readonly string[],
): Promise<RecordKeys> {
  const rows = await run<KeyRow>(session, {
    text: `
      select k.from_seq::text as from_seq,
        encode(k.public_key, 'hex') as public_key,
        encode(k.previous_key, 'hex') as previous_key,
        encode(k.signature, 'hex') as signature,
        encode(k.previous_signature, 'hex') as previous_signature
      from meter_sync.custody_key k
      where k.site = $1::text
      order by k.from_seq`,
    values: [siteId],
  });
  const judged = rows.map((row) => judgeKey(siteId, row));
  const known = findTrusted(judged, new Set(trusted));
  const isKnown = ({ key, public_key: publicKey }: JudgedKey): boolean => key !== null && known.has(publicKey);
  const inForce = judged.filter(isKnown);
  return {
    at: (seq) => {
      const row = inForce.findLast(({ fromSeq }) => fromSeq <= seq);
      return row === undefined || row.key === null ? null : { publicKey: row.public_key, key: row.key };
    },
    strangers: judged.filter((row) => !isKnown(row)).map(({ fromSeq }) => fromSeq),
  };
}

function judgeKey(siteId: string, row: KeyRow): JudgedKey {
  const fromSeq = Number(row.from_seq);
  const digest = digestKey(siteId, fromSeq, row.public_key, row.previous_key);
  const hasSigned = (key: string | null, signature: string | null): boolean => {
    const object = key === null ? null : toPublicKey(key);
    return object !== null && verify(null, digest, object, Buffer.from(signature ?? '', 'hex'));
  };
  const key = hasSigned(row.public_key, row.signature) ? toPublicKey(row.public_key) : null;
  return { ...row, fromSeq, key, isLinked: key !== null && hasSigned(row.previous_key, row.previous_signature) };
}

function findTrusted(rows: readonly JudgedKey[], trusted: ReadonlySet<string>): ReadonlySet<string> {
  const known = new Set(trusted);
  for (let before = -1; before < known.size;) {
    before = known.size;
    for (const { isLinked, public_key: key, previous_key: previous } of rows) {
      if (!isLinked || previous === null) continue;
      if (known.has(key)) known.add(previous);
      if (known.has(previous)) known.add(key);
    }
  }
  return known;
}

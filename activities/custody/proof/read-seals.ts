import { verify } from 'node:crypto';
import { NO_DIGEST } from '../../../src/model/chain.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { digestOf } from '../records/signed-text.js';
import type { RecordKeys } from './record-keys.js';

/** A seal as it is stored: all facts as the texts that its digest takes. */
export interface SealTexts {
  /** The last record that it sums up. */
  readonly seq: string;
  readonly recordDigest: string;
  /** The seal before it; 0: it is the first. */
  readonly previousSeq: string;
  /** Totals of the records after the seal before. */
  readonly rows: string;
  readonly alreadyThere: string;
  readonly totals: string;
  readonly unsummed: string | null;
  /** When the last record was committed, by the remote's clock. ISO 8601 UTC. */
  readonly lastCommittedAt: string;
  readonly sealedAt: string;
}

/** A seal that the site has made. */
export interface Seal extends SealTexts {
  readonly digest: string;
}

/** The seals of a chain. */
export interface SealChain {
  /** Those that the site has signed, and that follow each other, in order. */
  readonly seals: readonly Seal[];
  /** The last records of seals that do not fit: altered, not signed, or one before them is missing. */
  readonly broken: readonly number[];
}

/** The digest of a seal, which its signature is over. */
export function digestSeal(siteId: string, seal: SealTexts, previousDigest: string): Buffer {
  return digestOf('seal', [
    siteId,
    seal.seq,
    seal.recordDigest,
    seal.previousSeq,
    previousDigest,
    seal.rows,
    seal.alreadyThere,
    seal.totals,
    seal.unsummed,
    seal.lastCommittedAt,
    seal.sealedAt,
  ]);
}

/** Reads the seals of a site and checks each: its digest, its signature by the key in force, the seal before it. */
export async function readSeals(session: Session, siteId: string, keys: RecordKeys): Promise<SealChain> {
  const rows = await run<Seal & { readonly signature: string }>(session, {
    text: `
      select s.seq::text as seq,
        encode(s.record_digest, 'hex') as "recordDigest",
        s.previous_seq::text as "previousSeq",
        s.rows::text as rows,
        s.already_there::text as "alreadyThere",
        s.totals,
        s.unsummed,
        ${isoUtc('s.last_committed_at')} as "lastCommittedAt",
        ${isoUtc('s.sealed_at')} as "sealedAt",
        encode(s.digest, 'hex') as digest,
        encode(s.signature, 'hex') as signature
      from meter_sync.custody_seal s
      where s.site = $1::text
      order by s.seq`,
    values: [siteId],
  });
  const seals: Seal[] = [];
  const broken: number[] = [];
  for (const { signature, ...seal } of rows) {
    const before = seals.at(-1); // one that does not fit is passed over: somebody else may have put it in
    const follows = seal.previousSeq === (before?.seq ?? '0');
    const digest = digestSeal(siteId, seal, before?.digest ?? NO_DIGEST);
    const key = keys.at(Number(seal.seq));
    const isRight =
      follows &&
      key !== null &&
      digest.toString('hex') === seal.digest &&
      verify(null, digest, key.key, Buffer.from(signature, 'hex'));
    if (isRight) seals.push(seal);
    else broken.push(Number(seal.seq));
  }
  return { seals, broken };
}

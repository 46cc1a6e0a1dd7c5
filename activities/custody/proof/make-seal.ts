import { type Link, NO_DIGEST } from '../../../src/model/chain.js';
import { type ChainWalk, startBehind, walkOn } from '../../../src/model/chain-walk.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type Database, execute, type Session } from '../../../src/postgres/session.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { type Arrival, SELECT_ARRIVAL } from '../records/record.js';
import type { SiteKey } from '../records/site-key.js';
import { readRecordKeys } from './record-keys.js';
import { digestSeal, readSeals, type Seal, type SealTexts } from './read-seals.js';
import { addRecords, noSums, toTotalsText, toUnsummedText } from './seal-sums.js';
import { readPage } from './walk-chain.js';

/** What is to be sealed. */
interface SealOrder {
  readonly siteId: string;
  /** The site's own place in its chain: nothing behind it is sealed. */
  readonly upTo: Link;
  readonly keys: readonly SiteKey[];
  /** The walk ends then, and what it has reached is sealed. */
  readonly maxDurationMs: number;
  readonly signal: AbortSignal;
}

/** A seal that was made, and how many records it sums up. */
export interface MadeSeal {
  readonly seq: number;
  readonly digest: string;
  readonly records: number;
  /** True when it ends at the site's place; false: the time was up before. */
  readonly isComplete: boolean;
}

/**
 * Seals the records since the newest seal: walks them, and signs what they add up to by days. The key signs only what was
 * checked: every digest, every signature, and that the last record is the one that the site's own database knows.
 * @returns the seal; null: there are no records to seal
 * @throws DatabaseFailure `schema` - the chain has a fault; nothing is sealed, and `verify` tells what
 */
export async function sealChain(remote: Database, order: SealOrder): Promise<MadeSeal | null> {
  const options = { isolation: 'repeatable read, read only', signal: order.signal } as const;
  const walked = await withTransaction(remote, options, (session) => walkUnsealed(session, order));
  if (walked === null) return null;
  const { walk, key } = walked;
  const { siteId } = order;
  const writing = { isolation: 'read committed', signal: order.signal, opening: [SELECT_ARRIVAL] } as const;
  return withTransaction(remote, writing, async (session, [asked]) => {
    const { previous, facts } = walked;
    const seal = { ...facts, sealedAt: (asked?.[0] as Arrival).committed_at };
    const digest = digestSeal(siteId, seal, previous?.digest ?? NO_DIGEST);
    await insertSeal(session, siteId, seal, { digest, signature: key.sign(digest) });
    const seq = Number(seal.seq);
    const records = seq - Number(seal.previousSeq);
    return { seq, digest: digest.toString('hex'), records, isComplete: walk.last?.seq === order.upTo.seq };
  });
}

/** Records that were walked, and what a seal of them says. */
interface Unsealed {
  readonly walk: ChainWalk;
  readonly key: SiteKey;
  readonly previous: Seal | undefined;
  readonly facts: Omit<SealTexts, 'sealedAt'>;
}

async function walkUnsealed(session: Session, order: SealOrder): Promise<Unsealed | null> {
  const { siteId, upTo, maxDurationMs } = order;
  const endsAt = performance.now() + maxDurationMs;
  const trusted = order.keys.map(({ publicKey }) => publicKey);
  const keys = await readRecordKeys(session, siteId, trusted);
  const { seals, broken } = await readSeals(session, siteId, keys);
  const previous = seals.at(-1);
  const sums = noSums();
  const start = startAt(trusted, previous);
  let walk = start;
  while ((walk.last?.seq ?? 0) < upTo.seq && (walk === start || performance.now() < endsAt)) {
    const page = await readPage(session, siteId, walk);
    const records = page.records.filter(({ seq }) => seq <= upTo.seq);
    if (records.length === 0) throw toFault(siteId, `custody record ${upTo.seq} is not there`);
    walk = walkOn(walk, records, page.strangers);
    addRecords(sums, records);
  }
  const [doubt] = walk.doubts;
  if (doubt !== undefined) throw toFault(siteId, doubt.message);
  if (broken.length > 0) throw toFault(siteId, `the seal behind record ${broken[0]} does not fit`);
  const { last } = walk;
  if (walk === start || last === null) return null;
  if (last.seq === upTo.seq && last.digest !== upTo.digest)
    throw toFault(siteId, `record ${last.seq} is not the one that this site knows`);
  const inForce = keys.at(last.seq)?.publicKey;
  const key = order.keys.find(({ publicKey }) => publicKey === inForce);
  if (key === undefined) throw toFault(siteId, `no key of this site signs record ${last.seq}`);
  const facts = {
    seq: String(last.seq),
    recordDigest: last.digest,
    previousSeq: previous?.seq ?? '0',
    rows: String(walk.rows),
    alreadyThere: String(walk.alreadyThere),
    totals: toTotalsText(sums),
    unsummed: toUnsummedText(walk.unsummed),
    lastCommittedAt: last.committedAt,
  };
  return { walk, key, previous, facts };
}

/** Behind the newest seal, and with sums of its own: a seal says what came after the one before. */
function startAt(trusted: readonly string[], previous: Seal | undefined): ChainWalk {
  if (previous === undefined) return startBehind(trusted, null, []);
  const { seq, digest, sealedAt, recordDigest, lastCommittedAt: committedAt } = previous;
  const place = { seq: Number(seq), digest, sealedAt };
  const last = { seq: Number(seq), digest: recordDigest, committedAt };
  return startBehind(trusted, { seal: place, last, rows: 0, alreadyThere: 0, sums: [], unsummed: [] }, []);
}

function toFault(siteId: string, what: string): DatabaseFailure {
  const message = `remote database: the custody records of site ${siteId} are not sealed, since ${what}`;
  const next = `meter-sync verify --site ${siteId}`;
  return new DatabaseFailure('schema', message, { side: 'remote', table: 'meter_sync.custody', next });
}

async function insertSeal(
  session: Session,
  siteId: string,
  seal: SealTexts,
  { digest, signature }: { readonly digest: Buffer; readonly signature: Buffer },
): Promise<void> {
  await execute(session, {
    text: `
      insert into meter_sync.custody_seal (site, seq, previous_seq, record_digest, rows, already_there, totals, unsummed,
        last_committed_at, sealed_at, digest, signature)
      values ($1::text, $2::integer, $3::integer, decode($4::text, 'hex'), $5::bigint, $6::bigint, $7::text, $8::text,
        $9::timestamptz, $10::timestamptz, $11::bytea, $12::bytea)`,
    values: [
      ...[siteId, seal.seq, seal.previousSeq, seal.recordDigest, seal.rows, seal.alreadyThere, seal.totals],
      ...[seal.unsummed, seal.lastCommittedAt, seal.sealedAt, digest, signature],
    ],
  });
}

import { type Link, NO_DIGEST } from '../../../src/model/chain.js';
import { UnsettledBatch } from '../../../src/model/upload-counts.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { literal } from '../../../src/postgres/identifier.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';
import type { Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { commitWith } from '../../../src/postgres/transaction.js';
import { type DaySum, toDaysText } from '../days/day-sums.js';
import type { Signing } from './companions.js';
import { digestRecord, type RecordTexts } from './signed-text.js';

/** The facts of a batch that its custody record holds; the digest covers all of them. */
interface CustodyFacts {
  readonly siteId: string;
  /** SHA-256 of the bytes that were streamed, hexadecimal. */
  readonly contentDigest: string;
  readonly rows: number;
  readonly alreadyThere: number;
  readonly days: readonly DaySum[] | null;
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
  readonly claim: string;
  readonly sentBy: string;
}

/** What the remote says of a transaction: its clock, and the address that it sees. */
export interface Arrival {
  readonly committed_at: string;
  readonly sent_from: string | null;
}

/** Asked in the message that begins the transaction: the site signs what it is told, and so must know it before the commit. */
export const SELECT_ARRIVAL = `select ${isoUtc('clock_timestamp()')} as committed_at, host(inet_client_addr()) as sent_from`;

/** Where a record goes. */
interface RecordPlace {
  readonly before: Link;
  /** A statement that fails when the batch must not be committed. */
  readonly check: string;
  readonly signing: Signing;
  readonly arrival: Arrival;
}

/**
 * Writes the record of a batch after `before`, signed, and commits it with the readings, all in one message with the check.
 * @throws DatabaseFailure `busy` - another sender has taken this place in the chain
 * @throws UnsettledBatch - the days hold other readings than were inserted: another writer has come between
 */
export async function commitRecord(
  session: Session,
  { before, check, signing, arrival }: RecordPlace,
  facts: CustodyFacts,
): Promise<Link> {
  const ofDays = facts.days?.reduce((sum, { rows }) => sum + rows, 0) ?? facts.rows;
  if (ofDays !== facts.rows) throw new UnsettledBatch(`${facts.rows} readings inserted, but ${ofDays} on their days`);
  const seq = before.seq + 1;
  const texts = toTexts(before, { signing, arrival }, facts);
  const digest = digestRecord(texts);
  const companions = seq === signing.firstSeq ? signing.companions : [];
  const insert = insertRecord(texts, { digest, signature: signing.key.sign(digest), columnsId: signing.list.id });
  await commitWith(session, [check, ...companions, insert].join('; ')).catch((error: unknown) => {
    if (!isPlaceTaken(error)) throw error;
    const message = `remote database: another sender has just written custody record ${seq} of site ${facts.siteId}; nothing was removed`;
    throw new DatabaseFailure('busy', message, { side: 'remote', table: 'meter_sync.custody' });
  });
  return { seq, digest: digest.toString('hex') };
}

function isPlaceTaken(error: unknown): boolean {
  if (!(error instanceof DatabaseFailure)) return false;
  return error.sqlstate === SQLSTATE.uniqueViolation && error.place.table === 'meter_sync.custody';
}

function toTexts(
  before: Link,
  { signing, arrival }: Pick<RecordPlace, 'signing' | 'arrival'>,
  facts: CustodyFacts,
): RecordTexts {
  return {
    site: facts.siteId,
    seq: String(before.seq + 1),
    previousDigest: before.digest ?? NO_DIGEST,
    contentDigest: facts.contentDigest,
    rows: String(facts.rows),
    alreadyThere: String(facts.alreadyThere),
    columnsDigest: signing.list.digest,
    days: facts.days === null ? null : toDaysText(facts.days),
    firstTimestamp: facts.firstTimestamp,
    lastTimestamp: facts.lastTimestamp,
    claim: facts.claim,
    sentBy: facts.sentBy,
    sentFrom: arrival.sent_from,
    committedAt: arrival.committed_at,
  };
}

/** Folded with the commit, so it takes no parameters. */
function insertRecord(
  record: RecordTexts,
  { digest, signature, columnsId }: { digest: Buffer; signature: Buffer; columnsId: string },
): string {
  return `
    insert into meter_sync.custody (committed_at, first_timestamp, last_timestamp, seq, rows, already_there, claim, site,
      columns_id, content_digest, digest, signature, sent_by, sent_from, days)
    values (${literal(record.committedAt)}, ${orNull(record.firstTimestamp)}, ${orNull(record.lastTimestamp)}, ${record.seq},
      ${record.rows}, ${record.alreadyThere}, ${literal(record.claim)}, ${literal(record.site)}, ${bytea(columnsId)},
      ${bytea(record.contentDigest)}, ${bytea(digest.toString('hex'))}, ${bytea(signature.toString('hex'))},
      ${literal(record.sentBy)}, ${orNull(record.sentFrom)}, ${orNull(record.days)})`;
}

function bytea(hex: string): string {
  return `decode('${hex}', 'hex')`;
}

function orNull(text: string | null): string {
  return text === null ? 'null' : literal(text);
}

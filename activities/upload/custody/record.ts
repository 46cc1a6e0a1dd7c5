import { type Link, NO_DIGEST } from '../../../src/model/chain.js';
import type { HashedColumn } from '../../../src/model/hashed-column.js';
import { literal } from '../../../src/postgres/identifier.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import type { Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { commitWith } from '../../../src/postgres/transaction.js';
import type { DaySum } from './day-sums.js';

/** The facts of a batch that its custody record holds; the digest covers all of them. */
interface CustodyFacts {
  readonly siteId: string;
  /** SHA-256 of the bytes that were streamed, hexadecimal. */
  readonly contentDigest: string;
  readonly rows: number;
  readonly alreadyThere: number;
  readonly columns: readonly HashedColumn[];
  readonly dayColumn: string | null;
  readonly days: readonly DaySum[] | null;
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
  readonly claim: string;
  readonly sentBy: string;
}

/** Where a record goes. */
interface RecordPlace {
  readonly before: Link;
  /** A statement that fails when the batch must not be committed. */
  readonly check: string;
}

/**
 * Writes the record of a batch after `before` and commits it with the readings, all in one message with the check.
 * @throws DatabaseFailure `busy` - another sender has taken this place in the chain
 */
export async function commitRecord(
  session: Session,
  { before, check }: RecordPlace,
  facts: CustodyFacts,
): Promise<Link> {
  const seq = before.seq + 1;
  const text = `${check}; ${insertRecord(before, facts)}`;
  const [row] = await commitWith<{ digest: string }>(session, text).catch((error: unknown) => {
    if (!isPlaceTaken(error)) throw error;
    const message = `remote database: another sender has just written custody record ${seq} of site ${facts.siteId}; nothing was removed`;
    throw new DatabaseFailure('busy', message, { side: 'remote', table: 'meter_sync.custody' });
  });
  if (row === undefined) throw new DatabaseFailure('unexpected', 'remote database: a custody record has no digest', {});
  return { seq, digest: row.digest };
}

function isPlaceTaken(error: unknown): boolean {
  if (!(error instanceof DatabaseFailure)) return false;
  return error.sqlstate === SQLSTATE.uniqueViolation && error.place.table === 'meter_sync.custody';
}

/** Folded with the commit, so it takes no parameters. The digest is made by the same expression that `verify` asks with. */
function insertRecord(before: Link, facts: CustodyFacts): string {
  const columns = JSON.stringify(facts.columns.map(({ name, type }) => [name, type]));
  const days = facts.days === null ? null : JSON.stringify(facts.days.map(({ day, rows, sum }) => [day, rows, sum]));
  return `
    insert into meter_sync.custody (site, seq, previous_digest, content_digest, rows, already_there, columns, day_column,
      days, first_timestamp, last_timestamp, claim, sent_by, sent_from, committed_at, digest)
    select r.*, ${digestOf('r')}
    from (
      select ${literal(facts.siteId)}::text as site,
        ${before.seq + 1}::bigint as seq,
        ${bytea(before.digest ?? NO_DIGEST)} as previous_digest,
        ${bytea(facts.contentDigest)} as content_digest,
        ${facts.rows}::bigint as rows,
        ${facts.alreadyThere}::bigint as already_there,
        ${literal(columns)}::json as columns,
        ${orNull(facts.dayColumn)}::text as day_column,
        ${orNull(days)}::json as days,
        ${orNull(facts.firstTimestamp)}::text as first_timestamp,
        ${orNull(facts.lastTimestamp)}::text as last_timestamp,
        ${literal(facts.claim)}::uuid as claim,
        ${literal(facts.sentBy)}::text as sent_by,
        host(inet_client_addr()) as sent_from,
        clock_timestamp() as committed_at
    ) as r
    returning encode(digest, 'hex') as digest`;
}

/**
 * The digest of a record, as SQL: SHA-256 over the texts of its columns in this order, each as `<bytes>:<text>,`, so that
 * no two records come to the same bytes. What is null counts as empty.
 */
export function digestOf(r: string): string {
  const texts = [
    `${r}.site`,
    `${r}.seq::text`,
    `encode(${r}.previous_digest, 'hex')`,
    `encode(${r}.content_digest, 'hex')`,
    `${r}.rows::text`,
    `${r}.already_there::text`,
    `${r}.columns::text`,
    `${r}.day_column`,
    `${r}.days::text`,
    `${r}.first_timestamp`,
    `${r}.last_timestamp`,
    `${r}.claim::text`,
    `${r}.sent_by`,
    `${r}.sent_from`,
    isoUtc(`${r}.committed_at`),
  ];
  return `sha256(convert_to(concat(${texts.map(toNetstring).join(', ')}), 'UTF8'))`;
}

/** `concat` passes over what is null. */
function toNetstring(text: string): string {
  return `coalesce(octet_length(convert_to(${text}, 'UTF8')), 0), ':', ${text}, ','`;
}

function bytea(hex: string): string {
  return `decode(${literal(hex)}, 'hex')`;
}

function orNull(text: string | null): string {
  return text === null ? 'null' : literal(text);
}

import { CHAIN_START, type Link, type LocalChain } from '../../../src/model/chain.js';
import type { LostAtRemote } from '../../../src/model/lost.js';
import type { UploadReadingsInput } from '../../../src/model/operations.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { type Database, run, type Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { withConnection } from '../../../src/postgres/transaction.js';
import { SiteKey } from '../../custody/records/site-key.js';
import { lostAsJson } from '../keep/lost.js';
import { readBookkeeping } from './read-bookkeeping.js';

/** How far the upload of a site has come: the newest row of `meter_sync.upload_state`. */
export interface UploadState {
  /** Batches uploaded since the first one. */
  readonly batch: number;
  /** Readings proved safe and removed since the first batch. */
  readonly rows: number;
  readonly link: Link;
}

/** What the site's own database knows of its upload. */
export interface LocalUpload {
  readonly state: UploadState;
  readonly chain: LocalChain;
  /** How large the batches of the last run were at its end; null before the first run. */
  readonly learnedRows: number | null;
  readonly hasQuarantine: boolean;
  /** What the site can sign with, the key in use first; empty for those who only look. */
  readonly signingKeys: readonly SiteKey[];
  /** True when kept readings are to be removed, since their days are over. */
  readonly hasExpired: boolean;
  readonly lostAtRemote: LostAtRemote | null;
}

/** Whether who reads is to sign: an auditor may have no right to read private keys. */
type Purpose = 'toLook' | 'toSign';

interface ReadOptions {
  readonly purpose?: Purpose;
  /** How long kept readings stay; absent: those that are there are over. */
  readonly keepDays?: number | undefined;
}

/**
 * Reads the upload's state, in one trip.
 * @throws DatabaseFailure `schema` - the bookkeeping is not there yet, or is an older one; names the command that makes it
 */
export async function readLocalUpload(
  local: Database,
  uploader: Pick<UploadReadingsInput, 'siteId' | 'owner'>,
  { signal, ...options }: ReadOptions & { readonly signal?: AbortSignal } = {},
): Promise<LocalUpload> {
  return withConnection(local, { signal }, (session) => readUploadOf(session, uploader, options));
}

/** The same over a session that is there. */
export async function readUploadOf(
  session: Session,
  { siteId, owner }: Pick<UploadReadingsInput, 'siteId' | 'owner'>,
  { purpose = 'toLook', keepDays = 0 }: ReadOptions,
): Promise<LocalUpload> {
  const statement = selectLocalUpload(siteId, owner ?? null, { purpose, keepDays });
  const [row] = await readBookkeeping('upload_state', () => run<{ document: string }>(session, statement));
  if (row === undefined)
    throw new DatabaseFailure('unexpected', 'local database: the upload has no state', { side: 'local' });
  const known = JSON.parse(row.document) as LocalDocument;
  const { batch, rows, seq, digest, learnedRows, hasQuarantine, hasExpired, lostAtRemote, privateKeys, ...chain } =
    known;
  const link = digest === null ? CHAIN_START : { seq, digest };
  const signingKeys = (privateKeys ?? []).map((key, at) => new SiteKey(chain.keys[at] ?? '', key));
  const state = { batch, rows, link };
  return {
    ...{ state, chain: { ...chain, ...link }, signingKeys },
    ...{ learnedRows, hasQuarantine, hasExpired, lostAtRemote },
  };
}

/** The same as PostgreSQL writes it: all in one row. */
type LocalDocument = LocalChain &
  Omit<UploadState, 'link'> &
  Omit<LocalUpload, 'state' | 'chain' | 'signingKeys'> & { readonly privateKeys: readonly string[] | null };

/** Another workflow's claim that came after this one's own: then this one was taken over, and does not know it. */
const TAKEN_OVER_BY = `
  select c.sent_by as "sentBy", ${isoUtc('c.claimed_at')} as "claimedAt"
  from meter_sync.upload_claim c
  where c.site = $1::text
    and c.owner <> $2::text
    and c.number > (select max(mine.number) from meter_sync.upload_claim mine where mine.site = $1 and mine.owner = $2)
  order by c.number desc
  limit 1`;

/** Everything that the site's own database knows of its upload, in one row. */
function selectLocalUpload(
  siteId: string,
  owner: string | null,
  { purpose, keepDays }: { readonly purpose: Purpose; readonly keepDays: number },
): Statement {
  const keys = (column: string): string => `array(
            select encode(k.${column}, 'hex')
            from meter_sync.site_key k
            where k.site = $1::text
            order by k.number desc
          )`;
  return {
    text: `
      select row_to_json(d)::text as document
      from (
        select coalesce(s.batch, 0) as batch,
          coalesce(s.rows, 0) as rows,
          s.seq,
          encode(s.digest, 'hex') as digest,
          s.last_timestamp as "lastTimestamp",
          ${isoUtc('s.moved_at')} as "movedAt",
          array(select c.claim from meter_sync.upload_claim c where c.site = $1::text) as claims,
          ${keys('public_key')} as keys,
          ${purpose === 'toSign' ? keys('private_key') : 'null'} as "privateKeys",
          (
            select c.batch_rows
            from meter_sync.upload_claim c
            where c.site = $1::text
            order by c.number desc
            limit 1
          ) as "learnedRows",
          (select row_to_json(t) from (${TAKEN_OVER_BY}) as t) as "takenOverBy",
          exists (select from meter_sync.quarantine q where q.site = $1::text) as "hasQuarantine",
          exists (
            select from meter_sync.kept_reading k
            where k.site = $1::text and k.kept_at < clock_timestamp() - $3::integer * interval '1 day'
          ) as "hasExpired",
          ${lostAsJson('$1::text')} as "lostAtRemote"
        from (select) as one
        left join lateral (
          select *
          from meter_sync.upload_state u
          where u.site = $1::text
          order by u.batch desc
          limit 1
        ) as s on true
      ) as d`,
    values: [siteId, owner, keepDays],
  };
}

/**
 * Adds the state after a batch, in the transaction that removes its readings. A row of its own, since the snapshot of a
 * batch that overlaps with the one before does not see that one's row.
 * `link` is the batch's place in the custody chain, `removed` how many readings went, `lastTimestamp` the newest one's instant;
 * null: not known.
 */
export async function addUploadState(
  session: Session,
  siteId: string,
  before: UploadState,
  { link, removed, lastTimestamp }: { link: Link; removed: number; lastTimestamp: string | null },
): Promise<{ readonly state: UploadState; readonly movedAt: string }> {
  const state = { batch: before.batch + 1, rows: before.rows + removed, link };
  const movedAt = await writeUploadState(session, siteId, state, lastTimestamp);
  return { state, movedAt };
}

/**
 * Writes a state as the site's newest one.
 * @returns when, by the site's server. ISO 8601 UTC
 * @throws DatabaseFailure `busy` - another run has moved the state there: this one's lock was lost, and it did not know yet
 */
export async function writeUploadState(
  session: Session,
  siteId: string,
  { batch, rows, link }: UploadState,
  lastTimestamp: string | null,
): Promise<string> {
  try {
    const [row] = await run<{ movedAt: string }>(session, {
      text: `
        insert into meter_sync.upload_state (site, batch, rows, seq, digest, last_timestamp, moved_at)
        values ($1::text, $2::bigint, $3::bigint, $4::bigint, decode($5::text, 'hex'), $6::text, clock_timestamp())
        returning ${isoUtc('moved_at')} as "movedAt"`,
      values: [siteId, batch, rows, link.seq, link.digest, lastTimestamp],
    });
    return row?.movedAt ?? '';
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.sqlstate !== SQLSTATE.uniqueViolation) throw error;
    const message = `local database: another run of site ${siteId} has moved its upload on to batch ${batch}; this one removed nothing`;
    const { side } = session;
    throw new DatabaseFailure('busy', message, { side, table: 'meter_sync.upload_state', cause: error });
  }
}

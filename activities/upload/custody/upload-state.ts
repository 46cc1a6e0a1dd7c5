import type { Link } from '../../../src/model/chain.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { run, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';

/** How far the upload of a site has come: the newest row of `meter_sync.upload_state`. */
export interface UploadState {
  /** Batches uploaded since the first one. */
  readonly batch: number;
  /** Readings proved safe and removed since the first batch. */
  readonly rows: number;
  readonly link: Link;
}

/** A batch that is about to be removed here, and what it moves the state by. */
interface StateMove {
  readonly link: Link;
  readonly removed: number;
  /** The order column of the newest reading; null: none. */
  readonly lastTimestamp: string | null;
}

/**
 * Adds the state after a batch, in the transaction that removes its readings. A row of its own, since the snapshot of a
 * batch that overlaps with the one before does not see that one's row.
 */
export async function addUploadState(
  session: Session,
  siteId: string,
  before: UploadState,
  { link, removed, lastTimestamp }: StateMove,
): Promise<UploadState> {
  const after = { batch: before.batch + 1, rows: before.rows + removed, link };
  await writeUploadState(session, siteId, after, lastTimestamp);
  return after;
}

/**
 * Writes a state as the site's newest one.
 * @throws DatabaseFailure `busy` - another run has moved the state there: this one's lock was lost, and it did not know yet
 */
export async function writeUploadState(
  session: Session,
  siteId: string,
  state: UploadState,
  lastTimestamp: string | null,
): Promise<void> {
  try {
    await run(session, insertUploadState(siteId, state, lastTimestamp));
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.sqlstate !== SQLSTATE.uniqueViolation) throw error;
    const message = `local database: another run of site ${siteId} has moved its upload on to batch ${state.batch}; this one removed nothing`;
    const { side } = session;
    throw new DatabaseFailure('busy', message, { side, table: 'meter_sync.upload_state', cause: error });
  }
}

function insertUploadState(siteId: string, state: UploadState, lastTimestamp: string | null): Statement {
  const { batch, rows, link } = state;
  return {
    text: `
      insert into meter_sync.upload_state (site, batch, rows, seq, digest, last_timestamp, moved_at)
      values ($1::text, $2::bigint, $3::bigint, $4::bigint, decode($5::text, 'hex'), $6::text, clock_timestamp())`,
    values: [siteId, batch, rows, link.seq, link.digest, lastTimestamp],
  };
}

/** Another workflow's claim that came after this one's own: then this one was taken over, and does not know it. */
const TAKEN_OVER_BY = `
  select c.sent_by, c.claimed_at
  from meter_sync.upload_claim c
  where c.site = $1::text
    and c.owner <> $2::text
    and c.number > (select max(mine.number) from meter_sync.upload_claim mine where mine.site = $1 and mine.owner = $2)
  order by c.number desc
  limit 1`;

/** Everything that the site's own database knows of its upload, in one row. */
export function selectUploadState(siteId: string, owner: string | null): Statement {
  return {
    text: `
      select s.batch::text as batch,
        s.rows::text as rows,
        s.seq::text as seq,
        encode(s.digest, 'hex') as digest,
        s.last_timestamp,
        ${isoUtc('s.moved_at')} as moved_at,
        array_to_json(array(select c.claim from meter_sync.upload_claim c where c.site = $1::text))::text as claims,
        (
          select c.batch_rows
          from meter_sync.upload_claim c
          where c.site = $1::text
          order by c.number desc
          limit 1
        )::text as batch_rows,
        t.sent_by as taken_over_by,
        ${isoUtc('t.claimed_at')} as taken_over_at,
        exists (select from meter_sync.quarantine q where q.site = $1::text)::text as has_quarantine
      from (select) as one
      left join lateral (
        select *
        from meter_sync.upload_state u
        where u.site = $1::text
        order by u.batch desc
        limit 1
      ) as s on true
      left join lateral (${TAKEN_OVER_BY}) as t on true`,
    values: [siteId, owner],
  };
}

/**
 * How many claims a site keeps: those of its last runs, and the last one of each workflow, which else would not know that
 * another one has taken over. A commit that was on its way is not older than they are.
 */
const KEPT_CLAIMS = 100;

/** A run that is about to send its first batch. */
export interface Claim {
  readonly siteId: string;
  readonly owner: string | null;
  readonly sentBy: string;
  readonly batchRows: number;
}

/**
 * Writes the claim of a run, clears what is no longer needed, and answers with the claim. It is committed before the first
 * custody record that carries it.
 */
export function insertClaim({ siteId, owner, sentBy, batchRows }: Claim): Statement {
  return {
    text: `
      with old_states as (
        delete from meter_sync.upload_state s
        where s.site = $1::text
          and s.batch < (select max(n.batch) from meter_sync.upload_state n where n.site = $1)
      ), old_claims as (
        delete from meter_sync.upload_claim c
        where c.site = $1
          and c.number <= (
            select k.number
            from meter_sync.upload_claim k
            where k.site = $1
            order by k.number desc
            offset ${KEPT_CLAIMS}
            limit 1
          )
          and exists (
            select from meter_sync.upload_claim n
            where n.site = c.site
              and n.owner is not distinct from c.owner
              and n.number > c.number
          )
      )
      insert into meter_sync.upload_claim (site, owner, sent_by, batch_rows)
      values ($1, $2::text, $3::text, $4::bigint)
      returning claim::text as claim`,
    values: [siteId, owner, sentBy, batchRows],
  };
}

/**
 * Takes the owner off the claims of all workflows but one, so that none of them has taken the site over. The claims stay: a
 * record that carries one was sent from this database all the same.
 */
export function clearOtherOwners(siteId: string, owner: string | null): Statement {
  return {
    text: `
      update meter_sync.upload_claim
      set owner = null
      where site = $1::text
        and owner is distinct from $2::text`,
    values: [siteId, owner],
  };
}

/** What a run has learned of the size of its batches, for the next one. */
export function updateLearnedRows(siteId: string, batchRows: number): Statement {
  return {
    text: `
      update meter_sync.upload_claim
      set batch_rows = $2::bigint
      where number = (select max(l.number) from meter_sync.upload_claim l where l.site = $1::text)
      returning number`,
    values: [siteId, batchRows],
  };
}

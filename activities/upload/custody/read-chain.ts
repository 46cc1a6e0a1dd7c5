import {
  CHAIN_START,
  describeFence,
  judgeChain,
  type Link,
  type LocalChain,
  type RemoteChain,
} from '../../../src/model/chain.js';
import type { UploadReadingsInput } from '../../../src/model/operations.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { type Database, run } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { withConnection } from '../../../src/postgres/transaction.js';
import { readRemoteChain } from './record.js';
import type { UploadState } from './upload-state.js';

/** What the site's own database knows of its upload. */
export interface LocalUpload {
  readonly state: UploadState;
  readonly chain: LocalChain;
  /** How large the batches of the last run were at its end; null before the first run. */
  readonly learnedRows: number | null;
  readonly hasQuarantine: boolean;
}

/** PostgreSQL's codes for a table or a column that is not there. */
const NOT_THERE = new Set<string>([SQLSTATE.undefinedTable, SQLSTATE.undefinedColumn]);

/**
 * Reads the upload's state, in one trip.
 * @throws DatabaseFailure `schema` - the bookkeeping is not there yet, or is an older one; names the command that makes it
 */
export async function readLocalUpload(
  local: Database,
  { siteId, owner }: Pick<UploadReadingsInput, 'siteId' | 'owner'>,
  signal?: AbortSignal,
): Promise<LocalUpload> {
  const statement = selectLocalUpload(siteId, owner ?? null);
  const [row] = await ofBookkeeping('upload_state', () =>
    withConnection(local, { signal }, (session) => run<{ document: string }>(session, statement)),
  );
  if (row === undefined)
    throw new DatabaseFailure('unexpected', 'local database: the upload has no state', { side: 'local' });
  const known = JSON.parse(row.document) as LocalDocument;
  const { batch, rows, seq, digest, learnedRows, hasQuarantine, ...chain } = known;
  const link = digest === null ? CHAIN_START : { seq, digest };
  return { state: { batch, rows, link }, chain: { ...chain, ...link }, learnedRows, hasQuarantine };
}

/** The same as PostgreSQL writes it: all in one row. */
type LocalDocument = LocalChain & Omit<UploadState, 'link'> & Pick<LocalUpload, 'learnedRows' | 'hasQuarantine'>;

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
function selectLocalUpload(siteId: string, owner: string | null): Statement {
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
          (
            select c.batch_rows
            from meter_sync.upload_claim c
            where c.site = $1::text
            order by c.number desc
            limit 1
          ) as "learnedRows",
          (select row_to_json(t) from (${TAKEN_OVER_BY}) as t) as "takenOverBy",
          exists (select from meter_sync.quarantine q where q.site = $1::text) as "hasQuarantine"
        from (select) as one
        left join lateral (
          select *
          from meter_sync.upload_state u
          where u.site = $1::text
          order by u.batch desc
          limit 1
        ) as s on true
      ) as d`,
    values: [siteId, owner],
  };
}

/**
 * Reads the site's chain on the remote, in one trip.
 * @throws DatabaseFailure `schema` - the bookkeeping is not there yet; names the command that makes it
 */
export async function readChain(
  remote: Database,
  siteId: string,
  localSeq: number,
  signal?: AbortSignal,
): Promise<RemoteChain> {
  return ofBookkeeping('custody', () =>
    withConnection(remote, { signal }, (session) => readRemoteChain(session, siteId, localSeq)),
  );
}

/** Where the site's next record comes. */
export interface PlaceInChain {
  readonly link: Link;
  /** True when the last batch was committed on the remote and not removed here. */
  readonly isOneAhead: boolean;
}

/**
 * Where the site may go on.
 * @throws DatabaseFailure `fenced` - the site's place in the chain is not the remote's; says who sent the head and when
 */
export function findPlace(siteId: string, chain: LocalChain, there: RemoteChain): PlaceInChain {
  const standing = judgeChain(chain, there);
  if (standing === 'equal' || standing === 'oneAhead') {
    const { seq, digest } = there.head ?? CHAIN_START;
    return { link: { seq, digest }, isOneAhead: standing === 'oneAhead' };
  }
  throw new DatabaseFailure('fenced', describeFence(standing.fence, siteId, chain, there), {
    table: 'meter_sync.custody',
  });
}

/** Says what to do when a table of our own bookkeeping is missing or is an older one. */
async function ofBookkeeping<Result>(name: 'upload_state' | 'custody', read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof DatabaseFailure)) throw error;
    const { side } = error.place;
    const table = `meter_sync.${name}`;
    if (error.sqlstate === SQLSTATE.insufficientPrivilege) {
      const refusal = `${error.message}. Its administrator runs the output of: meter-sync init --print`;
      throw new DatabaseFailure('credentials', refusal, { side, table, sqlstate: error.sqlstate, cause: error });
    }
    if (!NOT_THERE.has(error.sqlstate ?? '')) throw error;
    const without = name === 'custody' ? ', or set METER_SYNC_CUSTODY to off where no schema of ours is allowed' : '';
    const message = `${side} database: there is no table ${table} of this version. Run this first: meter-sync init${without}`;
    throw new DatabaseFailure('schema', message, { side, table, sqlstate: error.sqlstate, cause: error });
  }
}

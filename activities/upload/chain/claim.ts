import { hostname } from 'node:os';
import type { UploadReadingsInput } from '../../../src/model/operations.js';
import type { TableRef } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { relation } from '../../../src/postgres/identifier.js';
import { type Database, run } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { withConnection, withTransaction } from '../../../src/postgres/transaction.js';
import { rememberColumns, type SummedColumns } from '../keep/delivered.js';
import type { PlaceInChain } from './read-chain.js';
import { rememberAhead } from './remote-records.js';
import { type UploadState, writeUploadState } from './upload-state.js';

/** Who claims, and how large the first batch is. */
type ClaimInput = Pick<UploadReadingsInput, 'siteId' | 'owner' | 'batchRows'> & {
  /** True: the run sends kept readings again; absent: it does not. */
  readonly isResend?: boolean;
  /** The table of readings. */
  readonly readings: TableRef;
};

/** What a run's next batch follows: the state of the site, and the claim that the run's custody records carry. */
export interface ClaimedState {
  readonly state: UploadState;
  readonly claim: string;
  readonly sentBy: string;
}

/** Where a run begins, and what its records name. */
interface ClaimedFrom {
  readonly state: UploadState;
  readonly place: PlaceInChain;
  readonly list: SummedColumns | null;
}

/**
 * Claims the site for a run: the claim is committed in the site's own database before any custody record carries it, so a
 * record is known as the site's own even when the run has ended between its two commits.
 * `state` and `place` are where the site stands as both ends know it; `list`: the columns that its records name, null: it writes none.
 */
export async function claimSite(
  local: Database,
  input: ClaimInput,
  { state, place, list }: ClaimedFrom,
): Promise<ClaimedState> {
  const sentBy = `${hostname()}, process ${process.pid}`;
  const here = place.isOneAhead ? { ...state, batch: state.batch + 1, link: place.link } : state;
  const options = { isolation: 'read committed', confirmOnDisk: true } as const;
  const [row] = await withTransaction(local, options, async (session) => {
    // The batch that was not removed has its record: this database follows it now, or the next crash made two of them.
    if (place.isOneAhead) await writeUploadState(session, input.siteId, here, null);
    if (place.ahead !== undefined) await rememberAhead(session, input.siteId, place.ahead);
    if (list !== null) await rememberColumns(session, list);
    return run<{ claim: string }>(session, insertClaim(input, sentBy));
  });
  if (row === undefined)
    throw new DatabaseFailure('unexpected', 'local database: a claim was not written', { side: 'local' });
  return { state: here, claim: row.claim, sentBy };
}

/** Keeps what a run has learned of the size of its batches, with the site's newest claim; where that fails, it is learned again. */
export async function keepLearnedRows(
  local: Database,
  siteId: string,
  batchRows: number,
  claim: (batchRows: number) => Promise<ClaimedState>,
): Promise<void> {
  const update = {
    text: `
      update meter_sync.upload_claim
      set batch_rows = $2::bigint
      where number = (select max(l.number) from meter_sync.upload_claim l where l.site = $1::text)
      returning number`,
    values: [siteId, batchRows],
  };
  try {
    const [kept] = await withConnection(local, {}, (session) => run(session, update));
    if (kept === undefined) await claim(batchRows); // the first run, and it failed before it claimed anything
  } catch {
    // What stopped the run says why.
  }
}

/** A table's name with its schema, whatever the search path; a parameter goes in as `relation` writes it. */
const fullName = (parameter: string): string => `(
        select format('%I.%I', n.nspname, c.relname)
        from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where c.oid = to_regclass(${parameter}::text)::oid
      )`;

/** Other sites whose last upload from this database was of the same table. */
export function selectOtherSenders(siteId: string, readings: TableRef): Statement {
  return {
    text: `
      select l.site
      from (
        select distinct on (c.site) c.site, c.readings
        from meter_sync.upload_claim c
        where c.site <> $1::text
        order by c.site, c.number desc
      ) as l
      where l.readings = ${fullName('$2')}
      order by l.site`,
    values: [siteId, relation(readings)],
  };
}

/**
 * How many claims a site keeps: those of its last runs, and the last one of each workflow, which else would not know that
 * another one has taken over. A commit that was on its way is not older than they are.
 */
const KEPT_CLAIMS = 100;

/**
 * Writes the claim of a run, clears what is no longer needed, and answers with the claim. It is committed before the first
 * custody record that carries it.
 */
function insertClaim({ siteId, owner, batchRows, readings, isResend = false }: ClaimInput, sentBy: string): Statement {
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
      insert into meter_sync.upload_claim (site, owner, sent_by, batch_rows, is_resend, readings)
      values ($1, $2::text, $3::text, $4::bigint, $5::boolean, ${fullName('$6')})
      returning claim::text as claim`,
    values: [siteId, owner ?? null, sentBy, batchRows, isResend, relation(readings)],
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

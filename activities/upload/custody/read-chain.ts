import {
  CHAIN_START,
  type ChainHead,
  describeFence,
  judgeChain,
  type Link,
  type LocalChain,
  type RemoteChain,
} from '../../../src/model/chain.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { isoUtc } from '../../../src/postgres/iso-utc.js';
import { type Database, run, type Session } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { withConnection } from '../../../src/postgres/transaction.js';
import { readBookkeeping } from './read-bookkeeping.js';

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
  return readBookkeeping('custody', () =>
    withConnection(remote, { signal }, (session) => readRemoteChain(session, siteId, localSeq)),
  );
}

/** What the remote says of a site's chain, in one trip: its head, and the digest at the place where the site stands. */
async function readRemoteChain(session: Session, siteId: string, localSeq: number): Promise<RemoteChain> {
  const [row] = await run<{ head: string; digest_at_local: string | null }>(session, selectChain(siteId, localSeq));
  if (row === undefined) return { head: null, digestAtLocal: null };
  return { head: JSON.parse(row.head) as ChainHead, digestAtLocal: row.digest_at_local };
}

function selectChain(siteId: string, localSeq: number): Statement {
  return {
    text: `
      select row_to_json(h)::text as head,
        (
          select encode(l.digest, 'hex')
          from meter_sync.custody l
          where l.site = $1::text
            and l.seq = $2::bigint
        ) as digest_at_local
      from meter_sync.custody c
      cross join lateral (
        select c.seq,
          encode(c.digest, 'hex') as digest,
          encode(c.previous_digest, 'hex') as "previousDigest",
          c.claim,
          c.sent_by as "sentBy",
          c.sent_from as "sentFrom",
          ${isoUtc('c.committed_at')} as "committedAt",
          c.last_timestamp as "lastTimestamp"
      ) as h
      where c.site = $1::text
      order by c.seq desc
      limit 1`,
    values: [siteId, localSeq],
  };
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

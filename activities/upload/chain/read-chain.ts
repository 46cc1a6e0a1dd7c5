import {
  CHAIN_START,
  type ChainHead,
  describeFence,
  judgeChain,
  type Link,
  type LocalChain,
  NO_DIGEST,
  type RemoteChain,
} from '../../../src/model/chain.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type Database, run } from '../../../src/postgres/session.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { withConnection } from '../../../src/postgres/transaction.js';
import type { KnownCompanions } from '../../custody/records/companions.js';
import { columnsDigestOf, recordTexts } from '../../custody/records/record-texts.js';
import { digestRecord, type RecordTexts } from '../../custody/records/signed-text.js';
import { isSignedByOne } from '../../custody/records/site-key.js';
import { readBookkeeping } from './read-bookkeeping.js';
import type { RemoteRecord } from './remote-records.js';

/** Where the site's own database stands, and what it signs with. */
type Here = Pick<LocalChain, 'seq' | 'digest' | 'keys'>;

/** What the remote says of a site's chain, and of what its next record names. */
export interface ChainThere extends RemoteChain {
  readonly known: KnownCompanions;
  /** True when the first record without a seal is of a month that is over. */
  readonly sealIsDue: boolean;
}

/**
 * Reads the site's chain on the remote, in one trip.
 * @param columnsId the list of columns that the next record names; absent: it is not asked for
 * @throws DatabaseFailure `schema` - the bookkeeping is not there yet; names the command that makes it
 */
export async function readChain(
  remote: Database,
  siteId: string,
  here: Here,
  { signal, columnsId = '' }: { readonly signal?: AbortSignal; readonly columnsId?: string } = {},
): Promise<ChainThere> {
  const [row] = await readBookkeeping('custody', () =>
    withConnection(remote, { signal }, (session) => run<ChainRow>(session, selectChain(siteId, here.seq, columnsId))),
  );
  const { sealIsDue, ...known } = JSON.parse(row?.known ?? NOTHING_KNOWN) as ChainRowFacts;
  const head = row === undefined || row.head === null ? null : toHead(JSON.parse(row.head) as HeadRow, here);
  return { head, digestAtLocal: row?.digest_at_local ?? null, known, sealIsDue };
}

type ChainRowFacts = KnownCompanions & Pick<ChainThere, 'sealIsDue'>;

const NOTHING_KNOWN = '{"hasColumns":false,"keys":[],"sealIsDue":false}';

interface ChainRow {
  readonly head: string | null;
  readonly digest_at_local: string | null;
  readonly known: string;
}

type HeadRow = Omit<RecordTexts, 'seq'> & {
  readonly seq: number;
  readonly digest: string;
  readonly signature: string;
};

/** A signature that was copied from another record is none: the digest that it is over must be that of this record's own facts. */
function toHead(row: HeadRow, here: Here): ChainHead {
  const { seq, digest, claim, sentBy, sentFrom, committedAt, lastTimestamp } = row;
  const right = digestRecord({ ...row, seq: String(seq) });
  const isRight = right.toString('hex') === digest;
  return {
    ...{ seq, digest, claim, sentBy, sentFrom, committedAt, lastTimestamp },
    followsHere: isRight && seq === here.seq + 1 && row.previousDigest === (here.digest ?? NO_DIGEST),
    isSigned: isRight && isSignedByOne(here.keys, right, row.signature),
  };
}

function selectChain(siteId: string, localSeq: number, columnsId: string): Statement {
  return {
    text: `
      select (
          select row_to_json(h)::text
          from (
            select ${recordTexts('c')},
              c.seq,
              encode(c.digest, 'hex') as digest,
              encode(c.signature, 'hex') as signature,
              coalesce((
                select ${columnsDigestOf('l')}
                from meter_sync.custody_columns l
                where l.id = c.columns_id
              ), '') as "columnsDigest",
              coalesce((
                select encode(b.digest, 'hex')
                from meter_sync.custody b
                where b.site = c.site
                  and b.seq = c.seq - 1
              ), (
                select encode(s.record_digest, 'hex') -- the record itself may have been pruned
                from meter_sync.custody_seal s
                where s.site = c.site
                  and s.seq = c.seq - 1
              ), '${NO_DIGEST}') as "previousDigest"
            from meter_sync.custody c
            where c.site = $1::text
            order by c.seq desc
            limit 1
          ) as h
        ) as head,
        (
          select encode(l.digest, 'hex')
          from meter_sync.custody l
          where l.site = $1::text
            and l.seq = $2::integer
        ) as digest_at_local,
        json_build_object(
          'hasColumns', exists (select from meter_sync.custody_columns l where l.id = decode($3::text, 'hex')),
          'keys', (
            select coalesce(json_agg(json_build_object('fromSeq', k.from_seq, 'publicKey', encode(k.public_key, 'hex'))
              order by k.from_seq), '[]')
            from meter_sync.custody_key k
            where k.site = $1::text
          ),
          'sealIsDue', exists (
            select from meter_sync.custody f
            where f.site = $1::text
              and f.seq = 1 + coalesce((select max(s.seq) from meter_sync.custody_seal s where s.site = $1::text), 0)
              and date_trunc('month', f.committed_at at time zone 'UTC') < date_trunc('month', now() at time zone 'UTC')
          )
        )::text as known`,
    values: [siteId, localSeq, columnsId],
  };
}

/** Where the site's next record comes. */
export interface PlaceInChain {
  readonly link: Link;
  /** True when the last batch was committed on the remote and not removed here. */
  readonly isOneAhead: boolean;
  /** The record of that batch; absent: there is none. */
  readonly ahead?: RemoteRecord;
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

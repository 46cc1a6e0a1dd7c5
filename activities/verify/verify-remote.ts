import type { Link } from '../../src/model/chain.js';
import type { Doubt } from '../../src/model/doubt.js';
import type { QueueTable } from '../../src/model/table.js';
import { type Database, run } from '../../src/postgres/session.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { readBookkeeping } from '../upload/chain/read-bookkeeping.js';
import { findTrustedKeys, type ToldKey } from '../custody/records/trusted-keys.js';
import {
  readServerVersion,
  type Verification,
  verifyDelivered,
  type VerifyOptions,
  walkChain,
} from './verify-delivered.js';

/** What an auditor knows without the site. */
interface Known {
  readonly readings: QueueTable;
  /** Keys of each site, as they were told elsewhere; of the site that is verified at least one. */
  readonly keys: ReadonlyMap<string, readonly ToldKey[]>;
  /** A record that is known to have been there; null: none was told. */
  readonly head: Link | null;
}

/**
 * Verifies from the remote alone that what a site delivered is still there. Nothing but the keys and the head is taken for
 * true that does not come from the remote; meters cannot be told apart, so the table is compared with the records of all sites.
 * @throws DatabaseFailure `schema`, `unreachable`, `credentials` - what could not be read
 */
export async function verifyRemote(
  remote: Database,
  { readings, keys, head }: Known,
  options: Omit<VerifyOptions, 'otherKeys'>,
): Promise<Verification> {
  const { siteId } = options;
  const trusted = new Map<string, readonly string[]>();
  for (const [site, told] of keys) {
    const found = await readBookkeeping('custody', () => findTrustedKeys(remote, site, told));
    if (found.length > 0) trusted.set(site, found);
  }
  const walked = await walkChain(remote, trusted.get(siteId) ?? [], options);
  const doubts = head === null ? [] : await judgeHead(remote, siteId, head);
  const places =
    head === null
      ? 'no head of the chain was given: whether its last records were removed is not known'
      : doubts.length > 0
        ? 'the record that was given as the head is not there'
        : `record ${head.seq} is there as it was given`;
  const delivered = { walked, readings, scope: null, lacksRecords: doubts.length > 0, doubts };
  return {
    ...(await verifyDelivered(remote, delivered, { ...options, otherKeys: trusted })),
    servers: { local: null, remote: await readServerVersion(remote) },
    places,
    isHeadUnknown: head === null,
    queue: null,
  };
}

async function judgeHead(remote: Database, siteId: string, { seq, digest }: Link): Promise<Doubt[]> {
  const [row] = await withTransaction(remote, { isolation: 'repeatable read, read only' }, (session) =>
    run<{ digest: string }>(session, {
      text: `
        select encode(c.digest, 'hex') as digest
        from meter_sync.custody c
        where c.site = $1::text
          and c.seq = $2::integer
        union all
        select encode(s.record_digest, 'hex') -- of a record that was pruned
        from meter_sync.custody_seal s
        where s.site = $1::text
          and s.seq = $2::integer
        limit 1`,
      values: [siteId, seq],
    }),
  );
  if (row?.digest === digest) return [];
  const found = row === undefined ? 'is not on the remote' : 'has another digest on the remote';
  const message = `custody record ${seq} of site ${siteId}, given as the head of its chain, ${found}: records were removed or replaced, or the remote was restored from an older backup`;
  const next = `Keep the evidence: run verify with --report FILE. Then ask the remote's administrator which of these it was`;
  return [{ what: 'places differ', day: null, message, next }];
}

import { CHAIN_START, describeFence, type Fence, judgeChain } from '../../src/model/chain.js';
import type { Side } from '../../src/model/failures.js';
import { byName, type Column, type QueueTable, type SiteTables } from '../../src/model/table.js';
import { type ChainWalk, startWalk } from '../../src/model/chain-walk.js';
import type { Doubt } from '../../src/model/doubt.js';
import { readTableShape, selectTableId } from '../../src/postgres/catalog.js';
import { ident, relation } from '../../src/postgres/identifier.js';
import { type Database, run, runAll } from '../../src/postgres/session.js';
import { TEXT_FORMS } from '../../src/postgres/text-forms.js';
import { withConnection, withTransaction } from '../../src/postgres/transaction.js';
import { readChain } from '../upload/custody/read-chain.js';
import { readLocalUpload } from '../upload/custody/upload-state.js';
import type { MeterScope } from './look-at-day.js';
import { findDayColumn } from './day-column.js';
import type { DaysQuestion, VerifiedDays } from './days-question.js';
import { openOtherSites } from './other-sites.js';
import { lookOutside, type Outside } from './outside.js';
import { verifyDays } from './verify-days.js';
import { type VerifiedQueue, verifyQueue } from './verify-queue.js';
import { walkPage } from './walk-chain.js';

/** The two databases of a site and its tables. */
interface SiteEnds {
  readonly local: Database;
  readonly remote: Database;
  readonly tables: SiteTables;
}

/** How to verify. */
export interface VerifyOptions extends Pick<DaysQuestion, 'siteId' | 'from' | 'to' | 'after' | 'isStopped' | 'signal'> {
  readonly onProgress: (what: 'custody records' | 'days' | 'queued readings', done: number, total: number) => void;
}

/** What a verification saw. */
export interface Verification extends VerifiedDays {
  readonly siteId: string;
  /** ISO 8601 UTC. */
  readonly verifiedAt: string;
  /** Versions of the two servers. */
  readonly servers: Readonly<Record<Side, string>>;
  readonly chain: Pick<ChainWalk, 'records' | 'rows' | 'alreadyThere' | 'last' | 'unsummed'>;
  /** How the place of the site compares with the remote's newest record. */
  readonly places: string;
  /** The site's meters tell its readings from those of others; null: no column does. */
  readonly meters: number | null;
  readonly queue: VerifiedQueue;
  /** What was not compared; null: only some days were asked for, or nothing can lie outside. */
  readonly outside: Outside | null;
}

/**
 * Verifies that what a site delivered is still there: walks its custody chain, compares each day with the remote table, and
 * looks at the queue. Reads only, at both ends.
 * @throws DatabaseFailure `schema`, `unreachable`, `credentials` - what could not be read
 */
export async function verifySite({ local, remote, tables }: SiteEnds, options: VerifyOptions): Promise<Verification> {
  const { readings } = tables;
  const { siteId, isStopped } = options;
  const { keys } = (await readLocalUpload(local, { siteId })).chain;
  const walked = await walkChain(remote, keys, options);
  const { places, doubts } = await comparePlaces({ local, remote }, siteId);
  const columnsThere = await readColumns(remote, readings);
  const scope = await readScope(local, tables, columnsThere);
  const queue = await verifyQueue({ local, remote, readings }, siteId, {
    isStopped,
    onProgress: (done, total) => options.onProgress('queued readings', done, total),
  });
  const servers = { local: await readServerVersion(local), remote: await readServerVersion(remote) };
  // The days come last: they take long, and when a link is lost meanwhile all the rest is known.
  const onProgress = (done: number, total: number): void => options.onProgress('days', done, total);
  const question = { ...options, readings, scope, columnsThere, onProgress, others: openOtherSites(siteId) };
  const compared = await verifyDays(remote, walked, question);
  const isWhole = options.from === null && options.to === null && options.after === null && compared.isComplete;
  const { column } = findDayColumn(walked, columnsThere);
  const outside = isWhole ? await lookOutside(remote, walked, question, column) : null;
  const { records, rows, alreadyThere, last, unsummed } = walked;
  return {
    siteId,
    verifiedAt: new Date().toISOString(),
    servers,
    chain: { records, rows, alreadyThere, last, unsummed },
    places,
    meters: scope?.meters.length ?? null,
    days: compared.days,
    doubts: [...walked.doubts, ...doubts, ...compared.doubts],
    isComplete: compared.isComplete,
    stoppedAfter: compared.stoppedAfter,
    stoppedBy: compared.stoppedBy,
    queue,
    outside,
  };
}

async function walkChain(
  remote: Database,
  keys: readonly string[],
  { siteId, onProgress, isStopped }: VerifyOptions,
): Promise<ChainWalk> {
  const head = (await readChain(remote, siteId, { ...CHAIN_START, keys })).head?.seq ?? 0;
  let walk = startWalk(keys);
  for (;;) {
    onProgress('custody records', walk.records, head);
    if (isStopped()) return walk; // the days see it, too: the verification is not complete
    const next = await withTransaction(remote, { isolation: 'repeatable read, read only' }, (session) =>
      walkPage(session, siteId, walk),
    );
    if (next === walk) return walk;
    walk = next;
  }
}

/** Looks, because an upload that is under way moves one end before the other. */
const LOOKS = 3;

async function comparePlaces(
  { local, remote }: { local: Database; remote: Database },
  siteId: string,
): Promise<{ places: string; doubts: Doubt[] }> {
  let doubt: Doubt | undefined;
  for (let look = 0; look < LOOKS; look += 1) {
    const { chain } = await readLocalUpload(local, { siteId });
    const there = await readChain(remote, siteId, chain);
    const standing = judgeChain(chain, there);
    if (standing === 'equal') return { places: `both ends know record ${chain.seq} as the newest`, doubts: [] };
    if (standing === 'oneAhead') {
      return { places: `the remote is one record ahead: a batch was sent and not removed yet`, doubts: [] };
    }
    const message = describeFence(standing.fence, siteId, chain, there);
    doubt = { what: 'places differ', day: null, message, next: toNext(standing.fence, siteId) };
  }
  return { places: 'the places differ', doubts: doubt === undefined ? [] : [doubt] };
}

/** To accept a record that this site has not signed would hide the evidence. */
function toNext(fence: Fence, siteId: string): string {
  if (fence !== 'notSigned') return `meter-sync adopt --site ${siteId}`;
  return "Ask the remote's DBA who may write into meter_sync.custody, and keep that table as it is; docs/operations.md says what to do then";
}

/** Other sites and tools may write into the same table: the keys of the site's own meters tell the readings apart. */
async function readScope(
  local: Database,
  { readings, meters }: SiteTables,
  columnsThere: ReadonlyMap<string, Column>,
): Promise<MeterScope | null> {
  const [key, ...more] = meters.key;
  const there = columnsThere.get(readings.meter ?? '');
  if (there === undefined || key === undefined || more.length > 0) return null;
  return withTransaction(local, { isolation: 'repeatable read, read only' }, async (session) => {
    await runAll(session, TEXT_FORMS);
    if ((await run<{ id: string | null }>(session, selectTableId(meters.table)))[0]?.id === null) return null;
    const here = byName((await readTableShape(session, meters.table)).columns).get(key);
    if (here === undefined) return null;
    const text = `select m.${ident(key)}::text as meter from ${relation(meters.table)} as m`;
    const rows = await run<{ meter: string }>(session, { text, values: [] });
    const type = toScopeType(here.baseType, there.baseType);
    return rows.length === 0 ? null : { column: there.name, type, meters: rows.map(({ meter }) => meter) };
  });
}

const INTEGERS = new Set(['smallint', 'integer', 'bigint']);

function toScopeType(here: string, there: string): MeterScope['type'] {
  if (INTEGERS.has(here) && INTEGERS.has(there)) return 'bigint';
  return here === 'uuid' && there === 'uuid' ? 'uuid' : 'text';
}

async function readColumns(remote: Database, { table }: QueueTable): Promise<ReadonlyMap<string, Column>> {
  return withTransaction(remote, { isolation: 'repeatable read, read only' }, async (session) =>
    byName((await readTableShape(session, table)).columns),
  );
}

async function readServerVersion(database: Database): Promise<string> {
  const [row] = await withConnection(database, {}, (session) =>
    run<{ version: string }>(session, { text: `select current_setting('server_version') as version`, values: [] }),
  );
  return row?.version ?? 'unknown';
}

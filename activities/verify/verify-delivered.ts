import type { ChainWalk } from '../../src/model/chain-walk.js';
import { CHAIN_START } from '../../src/model/chain.js';
import type { Doubt } from '../../src/model/doubt.js';
import type { Side } from '../../src/model/failures.js';
import { byName, type QueueTable } from '../../src/model/table.js';
import { readTableShape } from '../../src/postgres/catalog.js';
import { type Database, run, type Session } from '../../src/postgres/session.js';
import { OWN_FUNCTIONS_FIRST } from '../../src/postgres/text-forms.js';
import { withConnection, withTransaction } from '../../src/postgres/transaction.js';
import { openWalk, type WalkStart } from '../custody/proof/open-walk.js';
import { walkPage } from '../custody/proof/walk-chain.js';
import { nameKey } from '../custody/records/site-key.js';
import { readChain } from '../upload/chain/read-chain.js';
import type { LostDay } from '../upload/keep/lost.js';
import { findDayColumn } from './day/day-column.js';
import type { MeterScope } from './day/look-at-day.js';
import { openOtherSites } from './day/other-sites.js';
import type { DaysQuestion, VerifiedDays } from './days/days-question.js';
import { lookOutside, type Outside } from './days/outside.js';
import { verifyDays } from './days/verify-days.js';
import type { VerifiedQueue } from './site/verify-queue.js';
import { verifyLost } from './verify-lost.js';

/** How to verify. */
export interface VerifyOptions extends Pick<
  DaysQuestion,
  'siteId' | 'from' | 'to' | 'after' | 'isDeep' | 'isStopped' | 'signal'
> {
  /** From where the chain is walked; absent: behind the newest seal of the site's own. */
  readonly start?: WalkStart;
  readonly onProgress: (what: 'custody records' | 'days' | 'queued readings', done: number, total: number) => void;
  /** Public keys of other sites that the caller vouches for, hexadecimal; absent: none. */
  readonly otherKeys?: ReadonlyMap<string, readonly string[]>;
}

/** What a verification saw. */
export interface Verification extends VerifiedDays {
  readonly siteId: string;
  /** ISO 8601 UTC. */
  readonly verifiedAt: string;
  /** Versions of the two servers; of one that was not asked null. */
  readonly servers: Readonly<Record<Side, string | null>>;
  readonly chain: Pick<ChainWalk, 'records' | 'rows' | 'alreadyThere' | 'last' | 'unsummed' | 'sealed'>;
  /** Fingerprint of the key that is known as the site's; null: none is. */
  readonly signingKey: string | null;
  /** How the remote's newest record compares with the one that is known elsewhere: at the site, or as it was told. */
  readonly places: string;
  /** True when that was told nowhere: whether later records were removed is then unknown. */
  readonly isHeadUnknown: boolean;
  /** The site's meters tell its readings from those of others; null: no column does, or the site was not asked. */
  readonly meters: number | null;
  /** Null: the site was not asked. */
  readonly queue: VerifiedQueue | null;
  /** What was not compared; null: only some days were asked for, or nothing can lie outside. */
  readonly outside: Outside | null;
}

/** Walks the chain of a site to its end, page by page. */
export async function walkChain(
  remote: Database,
  keys: readonly string[],
  { siteId, onProgress, isStopped, start = 'newest' }: VerifyOptions,
): Promise<ChainWalk> {
  const head = (await readChain(remote, siteId, { ...CHAIN_START, keys })).head?.seq ?? 0;
  const read = <Result>(work: (session: Session) => Promise<Result>): Promise<Result> =>
    withTransaction(remote, { isolation: 'repeatable read, read only', opening: [OWN_FUNCTIONS_FIRST] }, work);
  let walk = await read((session) => openWalk(session, siteId, keys, start));
  for (;;) {
    onProgress('custody records', walk.records, head);
    if (isStopped()) return walk; // the days see it, too: the verification is not complete
    const next = await read((session) => walkPage(session, siteId, walk));
    if (next === walk) return walk;
    walk = next;
  }
}

/** Whose readings are compared, and what else is known of the chain. */
interface Delivered {
  readonly walked: ChainWalk;
  readonly readings: QueueTable;
  readonly scope: MeterScope | null;
  readonly lacksRecords: boolean;
  readonly doubts: readonly Doubt[];
  /** What the remote has lost as the site remembers it; absent: the site was not asked. */
  readonly lost?: { readonly local: Database; readonly days: readonly LostDay[] };
}

/** Compares what a chain tells of with the remote table. It comes last: it takes long, and when a link is lost meanwhile all the rest is known. */
export async function verifyDelivered(
  remote: Database,
  { walked, readings, scope, lacksRecords, doubts, lost }: Delivered,
  options: VerifyOptions,
): Promise<Omit<Verification, 'servers' | 'places' | 'isHeadUnknown' | 'queue'>> {
  const { siteId, otherKeys } = options;
  const shape = await withTransaction(remote, { isolation: 'repeatable read, read only' }, (session) =>
    readTableShape(session, readings.table),
  );
  const columnsThere = byName(shape.columns);
  const question = {
    ...{ ...options, readings, scope, columnsThere, others: openOtherSites(siteId, otherKeys) },
    lacksRecords: lacksRecords || walked.doubts.some(({ what }) => what === 'record missing'),
    onProgress: (done: number, total: number): void => options.onProgress('days', done, total),
  };
  const byRecords = await verifyDays(remote, walked, question);
  const compared =
    lost === undefined
      ? byRecords
      : await verifyLost({ local: lost.local, remote }, { walk: walked, lost: lost.days, question }, byRecords);
  const isWhole = options.from === null && options.to === null && options.after === null && compared.isComplete;
  const { column } = findDayColumn(walked, columnsThere);
  const { records, rows, alreadyThere, last, unsummed, sealed } = walked;
  return {
    ...compared,
    siteId,
    verifiedAt: new Date().toISOString(),
    chain: { records, rows, alreadyThere, last, unsummed, sealed },
    signingKey: nameKey(walked.trusted),
    meters: scope?.meters.length ?? null,
    doubts: [...walked.doubts, ...doubts, ...compared.doubts],
    outside: isWhole ? await lookOutside(remote, walked, question, column) : null,
  };
}

export async function readServerVersion(database: Database): Promise<string> {
  const [row] = await withConnection(database, {}, (session) =>
    run<{ version: string }>(session, { text: `select current_setting('server_version') as version`, values: [] }),
  );
  return row?.version ?? 'unknown';
}

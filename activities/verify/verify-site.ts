import { byName, type SiteTables } from '../../src/model/table.js';
import { readTableShape, selectTableId } from '../../src/postgres/catalog.js';
import { ident, relation } from '../../src/postgres/identifier.js';
import { type Database, run, runAll } from '../../src/postgres/session.js';
import { TEXT_FORMS } from '../../src/postgres/text-forms.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { readLocalUpload } from '../upload/chain/upload-state.js';
import type { MeterScope } from './day/look-at-day.js';
import { comparePlaces, judgeAhead } from './site/places.js';
import {
  readServerVersion,
  type Verification,
  verifyDelivered,
  type VerifyOptions,
  walkChain,
} from './verify-delivered.js';
import { readKnownLosses, withLost } from './verify-lost.js';
import { verifyQueue } from './site/verify-queue.js';

/** The two databases of a site and its tables. */
interface SiteEnds {
  readonly local: Database;
  readonly remote: Database;
  readonly tables: SiteTables;
}

/**
 * Verifies that what a site delivered is still there: walks its custody chain, compares each day with the remote table, and
 * looks at the queue. Reads only, at both ends; where lost readings are found again the site notes it.
 * @throws DatabaseFailure `schema`, `unreachable`, `credentials` - what could not be read
 */
export async function verifySite({ local, remote, tables }: SiteEnds, options: VerifyOptions): Promise<Verification> {
  const { readings } = tables;
  const { siteId, isStopped } = options;
  const { keys } = (await readLocalUpload(local, { siteId })).chain;
  const { open, found } = await readKnownLosses(local, siteId);
  const walked = withLost(await walkChain(remote, keys, options), found);
  const seen = await comparePlaces({ local, remote }, siteId);
  const scope = await readScope({ local, remote, tables });
  const queue = await verifyQueue({ local, remote, readings }, siteId, {
    isStopped,
    onProgress: (done, total) => options.onProgress('queued readings', done, total),
  });
  const isOddlyAhead = seen.ahead !== null && queue.alreadyThere === 0;
  const { places, doubts, lacksRecords } = isOddlyAhead ? await judgeAhead({ local, remote }, siteId, seen) : seen;
  const servers = { local: await readServerVersion(local), remote: await readServerVersion(remote) };
  const delivered = { walked, readings, scope, lacksRecords, doubts, lost: { local, days: open } };
  return { ...(await verifyDelivered(remote, delivered, options)), servers, places, isHeadUnknown: false, queue };
}

/** Other sites and tools may write into the same table: the keys of the site's own meters tell the readings apart. */
async function readScope({ local, remote, tables: { readings, meters } }: SiteEnds): Promise<MeterScope | null> {
  const [key, ...more] = meters.key;
  const options = { isolation: 'repeatable read, read only' } as const;
  const shape = await withTransaction(remote, options, (session) => readTableShape(session, readings.table));
  const there = byName(shape.columns).get(readings.meter ?? '');
  if (there === undefined || key === undefined || more.length > 0) return null;
  return withTransaction(local, options, async (session) => {
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

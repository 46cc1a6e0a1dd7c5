import { type ChainWalk, type SealedRecords, startBehind } from '../../../src/model/chain-walk.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { COLUMNS_ID_BYTES } from '../records/signed-text.js';
import { readRecordKeys } from './record-keys.js';
import { readSeals, type Seal } from './read-seals.js';
import { parseTotals, parseUnsummed } from './seal-sums.js';
import { type ColumnsRead, readLists } from './walk-chain.js';

/**
 * From where a chain is walked. `newest`: behind the newest seal of the site's own. `whole`: from its first record that is
 * there, and so behind a seal only where records were pruned. A place: behind the very seal that was told elsewhere.
 */
export type WalkStart = 'newest' | 'whole' | { readonly seq: number; readonly digest: string };

/**
 * Opens the walk of a site's chain: reads its seals, and takes what they stand for.
 * @param trusted public keys that the caller knows as the site's
 */
export async function openWalk(
  session: Session,
  siteId: string,
  trusted: readonly string[],
  from: WalkStart,
): Promise<ChainWalk> {
  const { seals, broken } = await readSeals(session, siteId, await readRecordKeys(session, siteId, trusted));
  const count = await countSeals(session, siteId, seals, from);
  if (count === null && typeof from === 'object') return startBehind(trusted, null, [...broken, from.seq]);
  return startBehind(trusted, await readSealed(session, seals.slice(0, count ?? 0)), broken);
}

/** How many of the seals the walk begins behind; null: the one that was told is not among them. */
async function countSeals(
  session: Session,
  siteId: string,
  seals: readonly Seal[],
  from: WalkStart,
): Promise<number | null> {
  if (from === 'newest') return seals.length;
  if (from !== 'whole') {
    const at = seals.findIndex(({ seq, digest }) => Number(seq) === from.seq && digest === from.digest);
    return at < 0 ? null : at + 1;
  }
  const [row] = await run<{ first: string | null }>(session, {
    text: 'select min(c.seq)::text as first from meter_sync.custody c where c.site = $1::text',
    values: [siteId],
  });
  const first = Number(row?.first ?? Infinity);
  return seals.filter(({ seq }) => Number(seq) < first).length;
}

/** What seals add up to; null: there are none. */
async function readSealed(session: Session, seals: readonly Seal[]): Promise<SealedRecords | null> {
  const newest = seals.at(-1);
  if (newest === undefined) return null;
  const totals = seals.flatMap((seal) => parseTotals(seal.totals) ?? []);
  const ids = totals.map(({ columnsDigest }) => columnsDigest.slice(0, 2 * COLUMNS_ID_BYTES));
  const lists = [...(await readLists(session, ids)).values()];
  const ofDigest = new Map<string, ColumnsRead>(lists.map((list) => [list.digest, list]));
  return {
    seal: { seq: Number(newest.seq), digest: newest.digest, sealedAt: newest.sealedAt },
    last: { seq: Number(newest.seq), digest: newest.recordDigest, committedAt: newest.lastCommittedAt },
    rows: seals.reduce((sum, { rows }) => sum + Number(rows), 0),
    alreadyThere: seals.reduce((sum, { alreadyThere }) => sum + Number(alreadyThere), 0),
    unsummed: seals.map(({ unsummed }) => parseUnsummed(unsummed)),
    sums: seals.flatMap((seal) => {
      const sums = (parseTotals(seal.totals) ?? []).flatMap(({ columnsDigest, days }) => {
        const list = ofDigest.get(columnsDigest); // one that is gone or was changed leaves the numbers to compare
        return days.map((day) => ({ ...day, columns: list?.columns ?? null, dayColumn: list?.dayColumn ?? null }));
      });
      // The newest record of a day alone says a digest of it, and what is added last counts.
      return sums.sort((one, other) => Number(Boolean(one.digest)) - Number(Boolean(other.digest)));
    }),
  };
}

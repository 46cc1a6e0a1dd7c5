import { CHAIN_START, judgeChain, type Link, type RemoteChain, type Standing } from '../../../src/model/chain.js';
import { type LostAtRemote, toDays } from '../../../src/model/lost.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type Database, run } from '../../../src/postgres/session.js';
import { withConnection, withTransaction } from '../../../src/postgres/transaction.js';
import { type KeptFigures, readKept } from '../keep/kept-readings.js';
import { noteLost, readMissing } from '../keep/lost.js';
import { withUploadLock } from '../queue/upload-lock.js';
import { clearOtherOwners } from './claim.js';
import { readChain } from './read-chain.js';
import { findCommon, rememberRecords } from './remote-records.js';
import { type LocalUpload, readLocalUpload, writeUploadState } from './upload-state.js';

/** No day: nothing is kept of it. */
const NO_DAYS = { from: 'infinity', to: '-infinity' } as const;

/** The two databases of a site. */
interface ChainEnds {
  readonly local: Database;
  readonly remote: Database;
}

/** A site, and the workflow that uploads it now; null where there is none, or where it is not known. */
interface Adopter {
  readonly siteId: string;
  readonly owner: string | null;
}

/** Both places in a site's chain, and how they stand to each other. */
export interface Adoption extends Adopter {
  readonly here: LocalUpload;
  readonly there: RemoteChain;
  readonly standing: Standing;
  /** The chain alone, whoever has taken the site over. */
  readonly chainStanding: Standing;
  /** The newest record that both ends have alike; 0: none. */
  readonly common: number;
  /** What the remote lacks of what this site has delivered; null: nothing that is remembered. */
  readonly missing: LostAtRemote | null;
  /** What of that is kept at the site. */
  readonly kept: KeptFigures;
}

/**
 * Reads both places in a site's chain; changes nothing.
 * @throws DatabaseFailure `schema` - the bookkeeping is not there yet; `credentials`, `unreachable`
 */
export async function readAdoption({ local, remote }: ChainEnds, { siteId, owner }: Adopter): Promise<Adoption> {
  const here = await readLocalUpload(local, owner === null ? { siteId } : { siteId, owner });
  const there = await readChain(remote, siteId, here.chain);
  const standing = judgeChain(here.chain, there);
  const chainStanding = judgeChain({ ...here.chain, takenOverBy: null }, there);
  const upTo = Math.min(here.chain.seq, there.head?.seq ?? 0);
  const common = typeof chainStanding === 'object' ? await findCommon(local, remote, siteId, upTo) : here.chain.seq;
  const losses = await withConnection(local, {}, async (session) => {
    const missing = await readMissing(session, { siteId, above: common, batches: here.chain.seq - common });
    return { missing, kept: await readKept(session, siteId, missing === null ? NO_DAYS : toDays(missing)) };
  });
  return { siteId, owner, here, there, standing, chainStanding, common, ...losses };
}

/**
 * Takes the remote's head of the chain as this site's own, and sets aside the claims of other workflows. No reading is
 * moved or removed. What the remote has lost is noted; the next upload finds those that are on the remote already, compares them, and removes the same ones.
 * @param shown what the person was shown, and decided on
 * @returns the place in the chain that the next batch follows
 * @throws DatabaseFailure `busy` - an upload is at work, or one end has moved on since it was shown
 */
export async function adopt(ends: ChainEnds, shown: Adoption, signal: AbortSignal): Promise<Link> {
  const { siteId, owner } = shown;
  return withUploadLock(ends.local, siteId, signal, async (locked) => {
    const now = await readAdoption(ends, shown);
    const isSameHere = now.here.chain.digest === shown.here.chain.digest;
    if (!isSameHere || now.there.head?.digest !== shown.there.head?.digest) {
      const message = `site ${siteId}: one of the two databases has moved on since its place was shown; nothing was changed. Look again: meter-sync adopt`;
      throw new DatabaseFailure('busy', message, { table: 'meter_sync.custody' });
    }
    const { seq, digest } = now.there.head ?? CHAIN_START;
    const { batch, rows } = now.here.state;
    const isFenced = typeof now.chainStanding === 'object';
    const link = isFenced ? { seq, digest } : now.here.state.link;
    const options = { isolation: 'read committed', signal: locked, confirmOnDisk: true } as const;
    await withTransaction(ends.local, options, async (session) => {
      if (isFenced) {
        const state = { batch: batch + 1, rows, link };
        await noteLost(session, { siteId, above: now.common, batches: now.here.chain.seq - now.common });
        await rememberRecords(session, ends.remote, { siteId, above: now.common, upTo: seq });
        await writeUploadState(session, siteId, state, now.there.head?.lastTimestamp ?? null);
      }
      await run(session, clearOtherOwners(siteId, owner));
    });
    return link;
  });
}

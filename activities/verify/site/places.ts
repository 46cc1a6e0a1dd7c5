import { describeFence, type Fence, judgeChain } from '../../../src/model/chain.js';
import type { Doubt } from '../../../src/model/doubt.js';
import type { Database } from '../../../src/postgres/session.js';
import { withConnection } from '../../../src/postgres/transaction.js';
import { readChain } from '../../upload/chain/read-chain.js';
import { isOfResend } from '../../upload/chain/remote-records.js';
import { readLocalUpload } from '../../upload/chain/upload-state.js';

/** How the place of the site compares with the remote's newest record. */
export interface ComparedPlaces {
  /** For people. */
  readonly places: string;
  readonly doubts: readonly Doubt[];
  /** The record that is one ahead, as its digest; null: none is. */
  readonly ahead: string | null;
  /** True when records may be missing on the remote: readings that they told of are there without one. */
  readonly lacksRecords: boolean;
}

/** Looks, because an upload that is under way moves one end before the other. */
const LOOKS = 3;

/** Compares both places in a site's chain. */
export async function comparePlaces(
  { local, remote }: { local: Database; remote: Database },
  siteId: string,
): Promise<ComparedPlaces> {
  let compared: ComparedPlaces | null = null;
  for (let look = 0; look < LOOKS; look += 1) {
    const { chain } = await readLocalUpload(local, { siteId });
    const there = await readChain(remote, siteId, chain);
    const standing = judgeChain(chain, there);
    const isWhole = { doubts: [], lacksRecords: false };
    if (standing === 'equal') {
      return { places: `both ends know record ${chain.seq} as the newest`, ahead: null, ...isWhole };
    }
    if (standing === 'oneAhead') {
      const places = 'the remote is one record ahead, signed by this site: a batch was sent and not removed yet';
      const { digest = null, claim = '' } = there.head ?? {};
      const wasSentAgain = await withConnection(local, {}, (session) => isOfResend(session, siteId, claim));
      return { places, ahead: wasSentAgain ? null : digest, ...isWhole }; // what was sent again waits nowhere
    }
    const { fence } = standing;
    const message = describeFence(fence, siteId, chain, there);
    compared = {
      places: 'the places differ',
      doubts: [{ what: 'places differ', day: null, message, next: toNext(fence, siteId) }],
      ahead: null,
      lacksRecords: fence === 'remoteBehind' || fence === 'diverged' || fence === 'notSigned',
    };
  }
  if (compared === null) throw new Error('no look was taken');
  return compared;
}

/** What to do without losing what happened: `adopt` comes after the report, and only where it is the right thing. */
function toNext(fence: Fence, siteId: string): string {
  const adopt = `meter-sync adopt --site ${siteId}`;
  const conditions: Readonly<Record<Fence, string>> = {
    takenOver: `stop one of the two workflows. For the one that stays: ${adopt}`,
    behind: `was the local database restored from a backup? Then: ${adopt}. Is a copy of this site at work? Then stop the copy first`,
    remoteBehind: `ask the remote's DBA whether it was restored or records were removed, and leave its tables as they are. Only after a restore: ${adopt}`,
    diverged: `ask the remote's DBA whether it was restored, and look for a copy of this site. Only after both are settled: ${adopt}`,
    notSigned:
      "ask the remote's DBA who may write into meter_sync.custody, and leave that table as it is; docs/operations.md says what to do then",
  };
  return `Keep the evidence: meter-sync verify --site ${siteId} --report FILE. Then ${conditions[fence]}`;
}

/**
 * A record that is one ahead has readings that wait here. When none of those that wait is on the remote, and the site has not
 * moved on meanwhile, the record tells of something else.
 */
export async function judgeAhead(
  ends: { local: Database; remote: Database },
  siteId: string,
  before: ComparedPlaces,
): Promise<ComparedPlaces> {
  const now = await comparePlaces(ends, siteId);
  if (now.ahead === null || now.ahead !== before.ahead) return now;
  const message = `site ${siteId}: the remote is one custody record ahead, and none of the readings that wait here is on the remote: that record tells of others`;
  const next = `Keep the evidence: meter-sync verify --site ${siteId} --report FILE. Then find out who has deleted readings at the site, or copied its database`;
  return { ...now, doubts: [{ what: 'places differ', day: null, message, next }] };
}

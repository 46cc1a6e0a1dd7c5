/** A place in a site's custody chain: its newest record, as far as one end knows. */
export interface Link {
  /** From 1, without gaps; 0 before the first record. */
  readonly seq: number;
  /** Hexadecimal; null before the first record. */
  readonly digest: string | null;
}

/** Where every chain begins. */
export const CHAIN_START: Link = { seq: 0, digest: null };

/** What stands for the digest of the record before the first one. */
export const NO_DIGEST = '0'.repeat(64);

/** The newest record of a site on the remote. */
export interface ChainHead extends Link {
  /** True when it covers the record where the site's own database stands as the one before it. */
  readonly followsHere: boolean;
  /** True when its digest is that of its own facts, and a key of this site's own database has signed it. */
  readonly isSigned: boolean;
  /** The run that sent it. */
  readonly claim: string;
  readonly sentBy: string;
  /** The address it came from, as the remote saw it; null over a Unix socket. */
  readonly sentFrom: string | null;
  /** ISO 8601 UTC, by the remote's clock. */
  readonly committedAt: string;
  /** The newest reading of that batch; null when it held none with an instant. */
  readonly lastTimestamp: string | null;
}

/** What the remote says of a site's chain. */
export interface RemoteChain {
  /** Null: there is no record of this site. */
  readonly head: ChainHead | null;
  /** Digest of the record at the place where the site's own database stands; null: there is none. */
  readonly digestAtLocal: string | null;
}

/** What the site's own database says of it. */
export interface LocalChain extends Link {
  /** When the last batch was removed here, ISO 8601 UTC; null before the first. */
  readonly movedAt: string | null;
  readonly lastTimestamp: string | null;
  /** The public keys that this database can sign with, hexadecimal, the one in use first; none before `init`. */
  readonly keys: readonly string[];
  /** The claims of this database's own runs. */
  readonly claims: readonly string[];
  /** Another workflow that claimed the site after the one that asks had done so; null: none. */
  readonly takenOverBy: { readonly sentBy: string; readonly claimedAt: string } | null;
}

/** Why a site may not send. */
export type Fence = 'takenOver' | 'behind' | 'remoteBehind' | 'diverged' | 'notSigned';

/** `equal`: the next batch goes the fast path. `oneAhead`: the last one was committed there and not removed here. */
export type Standing = 'equal' | 'oneAhead' | { readonly fence: Fence };

/**
 * Compares both ends of a chain. One ahead is ours only when the record follows the one that we know, is signed with a key of this
 * database and carries one of its claims: a copy of the site has the same place and the same key, and would else take turns with
 * the original for ever. That its readings wait here is for the careful path, which compares each of them: whatever the record
 * tells, a reading is removed only when the remote holds the same.
 */
export function judgeChain(local: LocalChain, { head, digestAtLocal }: RemoteChain): Standing {
  if (local.takenOverBy !== null) return { fence: 'takenOver' };
  const seq = head?.seq ?? 0;
  if (seq < local.seq) return { fence: 'remoteBehind' };
  const hasOurs = local.seq === 0 || digestAtLocal === local.digest;
  if (hasOurs && (head === null || seq === local.seq)) return 'equal';
  if (head !== null && !head.isSigned) return { fence: 'notSigned' };
  if (!hasOurs || head === null) return { fence: 'diverged' };
  const isNext = seq === local.seq + 1 && head.followsHere;
  return isNext && local.claims.includes(head.claim) ? 'oneAhead' : { fence: 'behind' };
}

/** What happened, in words for the operator: who sent the head of the chain, when and from where, and what follows. */
export function describeFence(fence: Fence, siteId: string, local: LocalChain, { head }: RemoteChain): string {
  const tail = 'Nothing is uploaded or removed, downloads go on.';
  if (fence === 'takenOver') {
    const { sentBy = 'unknown', claimedAt = 'unknown' } = local.takenOverBy ?? {};
    return (
      `site ${siteId} is fenced: another workflow has taken it over, on another Temporal cluster or namespace. ` +
      `It last uploaded from ${sentBy} at ${claimedAt}. ${tail} Stop one of the two; the one that stays continues after: meter-sync adopt --site ${siteId}`
    );
  }
  return `site ${siteId} is fenced: ${describeGap(fence, siteId, local, head)} ${tail}`;
}

function describeGap(
  fence: Exclude<Fence, 'takenOver'>,
  siteId: string,
  local: LocalChain,
  head: ChainHead | null,
): string {
  const here =
    local.seq === 0 ? 'The site has uploaded none' : `The site is at batch ${local.seq} (${local.movedAt ?? 'never'})`;
  if (head === null || fence === 'remoteBehind') {
    const gap = local.seq - (head?.seq ?? 0);
    const there =
      head === null ? 'the remote has no record of this site' : `the last one there is ${describeHead(head)}`;
    const range = `readings from ${head?.lastTimestamp ?? 'the first one'} to ${local.lastTimestamp ?? 'unknown'}`;
    return (
      `the remote database lacks the last ${toBatches(gap)} of this site (${range}): it was restored from an older ` +
      `backup, its custody records were removed, or it is another database. ${here}, ${there}.`
    );
  }
  const sender = `the last one there is ${describeHead(head)}`;
  if (fence === 'notSigned') {
    return (
      'the newest custody record on the remote is not signed with a key of this site: somebody else wrote or changed it there, ' +
      `or this database was made anew and has another key. ${here}, ${sender}. Look before anything is accepted: meter-sync verify --site ${siteId}.`
    );
  }
  if (fence === 'diverged') {
    return (
      'the custody chain of the remote database went another way than this site: a copy of this site sends under the ' +
      `same id, or both databases were restored. ${here}, ${sender}.`
    );
  }
  return (
    `the remote database has ${toBatches(head.seq - local.seq)} of this site that its own database does not know: this ` +
    `database was restored from an older backup, or a copy of this site sends under the same id; the sender usually tells which. ` +
    `${here}, ${sender}.`
  );
}

function toBatches(count: number): string {
  return count === 1 ? '1 batch' : `${count} batches`;
}

function describeHead({ seq, sentBy, sentFrom, committedAt }: ChainHead): string {
  const from = sentFrom === null ? '' : ` (address ${sentFrom})`;
  return `batch ${seq}, sent by ${sentBy}${from} at ${committedAt}`;
}

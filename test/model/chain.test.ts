import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChainHead, describeFence, judgeChain, type LocalChain, type RemoteChain } from '../../src/model/chain.js';

const digestOf = (branch: string, seq: number): string => `${branch}${seq}`;

function here(seq: number, changes: Partial<LocalChain> = {}): LocalChain {
  return {
    seq,
    digest: seq === 0 ? null : digestOf('a', seq),
    movedAt: '2026-01-02T00:00:00Z',
    lastTimestamp: '2026-01-01T23:00:00Z',
    keys: ['key'],
    claims: ['mine'],
    takenOverBy: null,
    ...changes,
  };
}

/** The remote with a chain of `seq` records, which left the branch `a` after the record `forkedAt`. */
function there(seq: number, { localSeq = 0, forkedAt = Infinity, claim = 'mine', isSigned = true } = {}): RemoteChain {
  const at = (place: number): string => digestOf(place > forkedAt ? 'b' : 'a', place);
  if (seq === 0) return { head: null, digestAtLocal: null };
  const head: ChainHead = {
    seq,
    digest: at(seq),
    followsHere: seq === localSeq + 1 && localSeq <= forkedAt,
    isSigned,
    claim,
    sentBy: 'edge-17, process 42',
    sentFrom: '10.0.0.7',
    committedAt: '2026-01-03T00:00:00Z',
    lastTimestamp: '2026-01-02T23:00:00Z',
  };
  return { head, digestAtLocal: localSeq > 0 && localSeq <= seq ? at(localSeq) : null };
}

const seqs = fc.integer({ min: 0, max: 50 });

describe('the places of a site and its remote in the chain', () => {
  it('are equal when both know the same newest record, or none', () => {
    fc.assert(fc.property(seqs, (seq) => judgeChain(here(seq), there(seq, { localSeq: seq })) === 'equal'));
  });

  it('are one apart after a crash between the two commits, when the record was sent from this very database', () => {
    fc.assert(
      fc.property(seqs, (seq) => {
        const remote = { localSeq: seq };
        expect(judgeChain(here(seq), there(seq + 1, remote))).toBe('oneAhead');
        expect(judgeChain(here(seq), there(seq + 1, { ...remote, claim: "a copy's" }))).toEqual({ fence: 'behind' });
      }),
    );
  });

  it('are fenced in every other case, and each has its name', () => {
    fc.assert(
      fc.property(seqs, seqs, fc.boolean(), (local, remote, isMine) => {
        fc.pre(local !== remote && remote !== local + 1);
        const claim = isMine ? 'mine' : 'theirs';
        const fence = remote < local ? 'remoteBehind' : 'behind';
        expect(judgeChain(here(local), there(remote, { localSeq: local, claim }))).toEqual({ fence });
      }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), seqs, (local, more) => {
        const forked = there(local + more, { localSeq: local, forkedAt: local - 1 });
        expect(judgeChain(here(local), forked)).toEqual({ fence: 'diverged' });
      }),
    );
  });

  it('are fenced by their own name where the newest record is not signed with a key of this site', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 5 }), (local, more) => {
        const remote = there(local + more, { localSeq: local, isSigned: false });
        expect(judgeChain(here(local), remote)).toEqual({ fence: 'notSigned' });
      }),
    );
    expect(describeFence('notSigned', 'site', here(3), there(4, { localSeq: 3 }))).toMatch(
      /not signed with a key of this site: somebody else wrote or changed it there.*batch 4, sent by edge-17.*meter-sync verify --site site/,
    );
  });

  it('do not matter when another workflow has taken the site over', () => {
    const takenOverBy = { sentBy: 'cloud-2, process 1', claimedAt: '2026-01-04T00:00:00Z' };
    expect(judgeChain(here(3, { takenOverBy }), there(3, { localSeq: 3 }))).toEqual({ fence: 'takenOver' });
    expect(describeFence('takenOver', 'site', here(3, { takenOverBy }), there(3))).toMatch(
      /another workflow has taken it over.* cloud-2, process 1 at 2026-01-04.*Nothing is uploaded or removed, downloads go on.* the one that stays continues after: meter-sync adopt --site site$/,
    );
  });
});

describe('a fence', () => {
  it('says how far both are apart, and who sent the head of the chain, when and from where', () => {
    expect(describeFence('behind', 'site', here(3), there(8, { localSeq: 3 }))).toMatch(
      /has 5 batches of this site that its own database does not know.*restored from an older backup, or a copy.*The site is at batch 3.*batch 8, sent by edge-17, process 42 \(address 10\.0\.0\.7\) at 2026-01-03/,
    );
    expect(describeFence('diverged', 'site', here(8), there(8, { localSeq: 8, forkedAt: 7 }))).toMatch(
      /another way than this site/,
    );
  });

  it('tells of a remote that was restored how many batches it lacks, and of which time', () => {
    expect(describeFence('remoteBehind', 'site', here(8), there(3))).toMatch(
      /lacks the last 5 batches of this site \(readings from 2026-01-02T23:00:00Z to 2026-01-01T23:00:00Z\)/,
    );
    expect(describeFence('remoteBehind', 'site', here(8), there(0))).toMatch(
      /lacks the last 8 batches.*readings from the first one.*the remote has no record of this site/,
    );
  });
});

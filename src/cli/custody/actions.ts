import { findPlace, readChain } from '../../../activities/upload/chain/read-chain.js';
import { addSiteKey, toFingerprint } from '../../../activities/custody/records/site-key.js';
import { readLocalUpload } from '../../../activities/upload/chain/upload-state.js';
import { type MadeSeal, sealChain } from '../../../activities/custody/proof/make-seal.js';
import { pruneRecords, readPrunable } from '../../../activities/custody/proof/prune-records.js';
import { readRecordKeys } from '../../../activities/custody/proof/record-keys.js';
import { readSeals, type Seal } from '../../../activities/custody/proof/read-seals.js';
import { withUploadLock } from '../../../activities/upload/queue/upload-lock.js';
import { type Database, run } from '../../postgres/session.js';
import { withTransaction } from '../../postgres/transaction.js';
import type { Answer } from '../command.js';
import { toCount } from '../../model/words.js';
import { toInstant } from '../instant.js';
import type { Output } from '../output.js';

/** Whose custody records, and where they are. */
interface AskedCustody {
  readonly siteId: string;
  readonly local: Database;
  readonly remote: Database;
}

/** The site's key, its chain, its seals, and what they take on the remote's disk. */
export async function show({ table }: Output, { siteId, local, remote }: AskedCustody): Promise<Answer> {
  const { chain } = await readLocalUpload(local, { siteId });
  const there = await readChain(remote, siteId, chain);
  const { seals, size } = await withTransaction(
    remote,
    { isolation: 'repeatable read, read only' },
    async (session) => {
      const keys = await readRecordKeys(session, siteId, chain.keys);
      const [row] = await run<CustodySize>(session, selectSize(siteId));
      return { seals: (await readSeals(session, siteId, keys)).seals, size: row };
    },
  );
  const [inUse] = chain.keys;
  const isAnnounced = there.known.keys.some(({ publicKey }) => publicKey === inUse);
  const key = inUse === undefined ? null : { ...describeKey(inUse), isAnnounced };
  const newest = seals.at(-1);
  const records = Number(size?.records ?? 0);
  const bytes = Number(size?.bytes ?? 0);
  const now = Date.now();
  return {
    document: {
      ...{ ok: true, siteId, key, keys: there.known.keys },
      head: there.head === null ? null : { seq: there.head.seq, digest: there.head.digest },
      seals: seals.map(toSealDocument),
      ...{ records, bytes },
    },
    text: table(
      ['', ''],
      [
        ['key', key === null ? 'none: meter-sync init makes one' : key.fingerprint],
        ...(key === null ? [] : [['public key', key.publicKey]]),
        ...(key === null || isAnnounced ? [] : [['', 'not on the remote yet: it comes with the next record']]),
        ['newest record', there.head === null ? 'none' : `${toCount(there.head.seq)}, digest ${there.head.digest}`],
        ['records', `${toCount(records)} on the remote, of this site`],
        ['seals', newest === undefined ? 'none' : describeSeals(seals.length, newest, now)],
        ['size', `${(bytes / 1e6).toFixed(1)} MB, of all sites on this remote`],
      ],
    ),
  };
}

function describeSeals(count: number, { seq, sealedAt, digest }: Seal, now: number): string {
  return `${toCount(count)}, the newest up to record ${toCount(Number(seq))}, made ${toInstant(sealedAt, now)}: ${seq}:${digest}`;
}

function describeKey(publicKey: string): { fingerprint: string; publicKey: string } {
  return { fingerprint: toFingerprint(publicKey), publicKey: Buffer.from(publicKey, 'hex').toString('base64') };
}

function toSealDocument({ seq, digest, sealedAt }: Seal): object {
  return { seq: Number(seq), digest, sealedAt };
}

interface CustodySize {
  readonly records: string;
  readonly bytes: string;
}

function selectSize(siteId: string): { text: string; values: readonly unknown[] } {
  const tables = ['custody', 'custody_columns', 'custody_key', 'custody_seal'];
  return {
    text: `
      select (select count(*) from meter_sync.custody c where c.site = $1::text)::text as records,
        (${tables.map((name) => `pg_total_relation_size('meter_sync.${name}')`).join(' + ')})::text as bytes`,
    values: [siteId],
  };
}

/** Seals the records since the newest seal, whatever the month. */
export async function seal({ siteId, local, remote }: AskedCustody, signal: AbortSignal): Promise<Answer> {
  const made = await withUploadLock(local, siteId, signal, async (locked): Promise<MadeSeal | null> => {
    const { chain, signingKeys: keys } = await readLocalUpload(
      local,
      { siteId },
      { signal: locked, purpose: 'toSign' },
    );
    findPlace(siteId, chain, await readChain(remote, siteId, chain, { signal: locked }));
    return sealChain(remote, { siteId, upTo: chain, keys, maxDurationMs: Infinity, signal: locked });
  });
  if (made === null)
    return { document: { ok: true, siteId, seal: null }, text: `Site ${siteId} has no custody record without a seal.` };
  const { seq, digest, records } = made;
  return {
    document: { ok: true, siteId, seal: { seq, digest, records } },
    text: [
      `Site ${siteId}: ${toCount(records)} ${records === 1 ? 'record' : 'records'} checked and sealed, up to record ${toCount(seq)}.`,
      `Seal: ${seq}:${digest}`,
      `next: keep this line where the remote's administrator cannot change it; meter-sync verify --site ${siteId} --from-seal ${seq}:${digest}`,
    ].join('\n'),
  };
}

/** Removes records under a seal that are older than so many days; without `isWanted` it only says which. */
export async function prune(
  { siteId, local, remote }: AskedCustody,
  { olderThanDays, isWanted }: { readonly olderThanDays: number; readonly isWanted: boolean },
): Promise<Answer> {
  const { chain } = await readLocalUpload(local, { siteId });
  const { under, records, newestSeal, broken } = await readPrunable(remote, siteId, chain.keys, olderThanDays);
  if (under === null || records === 0) {
    const why =
      broken.length > 0
        ? `the seal behind record ${broken[0]} does not fit; meter-sync verify --site ${siteId} tells more`
        : newestSeal === null
          ? `there is no seal yet; meter-sync custody seal --site ${siteId} makes one`
          : `no record under a seal is older than ${olderThanDays} days and followed by another one`;
    return {
      exitCode: broken.length > 0 ? 1 : 0,
      document: { ok: broken.length === 0, siteId, records: 0, removed: 0, reason: why },
      text: `Nothing to remove for site ${siteId}: ${why}.`,
    };
  }
  const seq = Number(under.seq);
  const what = `${toCount(records)} ${records === 1 ? 'record' : 'records'} of site ${siteId}, up to record ${toCount(seq)} (${under.lastCommittedAt})`;
  const removed = isWanted ? await pruneRecords(remote, siteId, seq) : 0;
  const next = `meter-sync custody prune --site ${siteId} --older-than ${olderThanDays}d --yes`;
  const text = isWanted
    ? [`Removed ${what}.`, 'Their seal stays: what they delivered is still compared day by day.']
    : [
        `This would remove ${what}.`,
        'Their seal stays: what they delivered is still compared day by day. Which batch brought which readings, when and from where, can no longer be shown.',
        `next: ${next}`,
      ];
  return {
    document: { ok: true, siteId, upTo: seq, records, removed, next: isWanted ? null : next },
    text: text.join('\n'),
  };
}

/** Gives the site a new key. */
export async function rotateKey({ siteId, local }: Pick<AskedCustody, 'siteId' | 'local'>): Promise<Answer> {
  const publicKey = await addSiteKey(local, siteId);
  if (publicKey === null) {
    const message = `Site ${siteId} has no key yet, so there is none to replace`;
    const next = 'meter-sync init';
    return {
      exitCode: 1,
      document: { ok: false, error: { code: 'noKey', message, next } },
      text: `${message}\nnext: ${next}`,
    };
  }
  const key = describeKey(publicKey);
  return {
    document: { ok: true, siteId, key },
    text: [
      `Site ${siteId} has a new key. It signs from the next custody record on, in which the old key vouches for it.`,
      `fingerprint: ${key.fingerprint}`,
      `public key:  ${key.publicKey}`,
      'next: tell the new fingerprint to those who verify without the site',
    ].join('\n'),
  };
}

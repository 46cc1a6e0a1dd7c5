import { type Database, run } from '../../../src/postgres/session.js';
import { withTransaction } from '../../../src/postgres/transaction.js';
import { toFingerprint } from './site-key.js';

/** A key as somebody was told it: whole, or by its fingerprint. Both are hexadecimal. */
export type ToldKey = { readonly publicKey: string } | { readonly fingerprint: string };

/** Reads a key as a person types it: 32 bytes in base64 or hexadecimal, or the fingerprint with blanks or colons; null: none of these. */
export function parseKey(text: string): ToldKey | null {
  const digits = toDigits(text);
  if (/^[\da-f]{64}$/.test(digits)) return { publicKey: digits };
  if (/^[\da-f]{32}$/.test(digits)) return { fingerprint: digits };
  if (!/^[\w+/-]{43}=?$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === 32 ? { publicKey: bytes.toString('hex') } : null;
}

/** A person may type blanks, colons and capitals. */
function toDigits(text: string): string {
  return text.replace(/[\s:]/g, '').toLowerCase();
}

/** The keys of a site that are vouched for: of those on the remote the ones with a told fingerprint, and the ones that were told whole. */
export async function findTrustedKeys(remote: Database, siteId: string, told: readonly ToldKey[]): Promise<string[]> {
  const rows = await withTransaction(remote, { isolation: 'repeatable read, read only' }, (session) =>
    run<{ key: string }>(session, {
      text: `select encode(k.public_key, 'hex') as key from meter_sync.custody_key k where k.site = $1::text`,
      values: [siteId],
    }),
  );
  return told.flatMap((one) =>
    'publicKey' in one
      ? [one.publicKey]
      : rows.map(({ key }) => key).filter((key) => toDigits(toFingerprint(key)) === one.fingerprint),
  );
}

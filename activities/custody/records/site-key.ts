import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { type Database, execute } from '../../../src/postgres/session.js';
import { withTransaction } from '../../../src/postgres/transaction.js';

/** A key that a site signs with. The secret half is in a private field, which no printer, log or JSON sees. */
export class SiteKey {
  /** 32 bytes, hexadecimal. */
  readonly publicKey: string;
  readonly #privateKey: KeyObject;

  /** @param privateKey PKCS #8, DER, hexadecimal */
  constructor(publicKey: string, privateKey: string) {
    this.publicKey = publicKey;
    this.#privateKey = createPrivateKey({ key: Buffer.from(privateKey, 'hex'), format: 'der', type: 'pkcs8' });
  }

  /** Ed25519, 64 bytes. */
  sign(digest: Buffer): Buffer {
    return sign(null, digest, this.#privateKey);
  }
}

/** What stands before the 32 bytes of a public key in SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** A public key as Node takes it; null for bytes that are none. */
export function toPublicKey(publicKey: string): KeyObject | null {
  if (!/^[\da-f]{64}$/.test(publicKey)) return null;
  const key = Buffer.concat([SPKI_PREFIX, Buffer.from(publicKey, 'hex')]);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

/** What people compare a key by, aloud: the first half of the SHA-256 of its 32 bytes, in groups of four. */
export function toFingerprint(publicKey: string): string {
  const hash = createHash('sha256').update(Buffer.from(publicKey, 'hex')).digest('hex');
  return (hash.slice(0, 32).match(/.{4}/g) ?? []).join(' ');
}

/** The fingerprint of the key in use, of those that a site has; null: it has none. */
export function nameKey([inUse]: readonly string[]): string | null {
  return inUse === undefined ? null : toFingerprint(inUse);
}

/** True when one of the keys has signed this digest; all are hexadecimal. */
export function isSignedByOne(keys: readonly string[], digest: Buffer, signature: string): boolean {
  const bytes = Buffer.from(signature, 'hex');
  return keys.some((publicKey) => {
    const key = toPublicKey(publicKey);
    return key !== null && verify(null, digest, key, bytes);
  });
}

/**
 * Makes the key of a site in its own database, where it has none yet. Can be run at any time, and by two processes at once.
 * @returns true when one was made
 * @throws DatabaseFailure `credentials` - names the command that prints the grants
 */
export async function ensureSiteKey(local: Database, siteId: string): Promise<boolean> {
  return withTransaction(local, { isolation: 'read committed', confirmOnDisk: true }, async (session) => {
    const { publicKey, privateKey } = makeKey();
    const made = await execute(session, {
      text: `
        insert into meter_sync.site_key (site, number, public_key, private_key)
        select $1::text, 1, decode($2::text, 'hex'), decode($3::text, 'hex')
        where not exists (select from meter_sync.site_key k where k.site = $1::text)
        on conflict do nothing`,
      values: [siteId, publicKey, privateKey],
    });
    return made > 0;
  });
}

/**
 * Gives a site a new key beside those that it has. It signs from the next record on: that record's transaction tells the remote, in
 * a row that the key before has signed, too. So there is nothing to finish when somebody is interrupted.
 * @returns its public half, hexadecimal; null: the site has no key yet
 */
export async function addSiteKey(local: Database, siteId: string): Promise<string | null> {
  return withTransaction(local, { isolation: 'read committed', confirmOnDisk: true }, async (session) => {
    const { publicKey, privateKey } = makeKey();
    const added = await execute(session, {
      text: `
        insert into meter_sync.site_key (site, number, public_key, private_key)
        select $1::text, max(k.number) + 1, decode($2::text, 'hex'), decode($3::text, 'hex')
        from meter_sync.site_key k
        where k.site = $1::text
        having count(*) > 0`,
      values: [siteId, publicKey, privateKey],
    });
    return added > 0 ? publicKey : null;
  });
}

/** A new key as it is kept: hexadecimal, the secret half PKCS #8, DER. */
export function makeKey(): { publicKey: string; privateKey: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length).toString('hex'),
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('hex'),
  };
}

/** @throws DatabaseFailure `schema` - the site has no key; names the command that makes it */
export function requireKey(keys: readonly SiteKey[], siteId: string): SiteKey {
  const [newest] = keys;
  if (newest !== undefined) return newest;
  const message = `local database: site ${siteId} has no key to sign its custody records with. Run this first: meter-sync init`;
  throw new DatabaseFailure('schema', message, { side: 'local', table: 'meter_sync.site_key' });
}

import { parseKey, type ToldKey } from '../../../activities/custody/records/trusted-keys.js';
import type { Link } from '../../model/chain.js';
import { UsageError } from '../command.js';

const HELP = 'meter-sync verify --help';

/**
 * The keys of `--key` by their sites.
 * @throws UsageError - one is no key, none was given where nothing else vouches for the site, or the site vouches for its own
 */
export function readKeys(
  texts: readonly string[],
  siteId: string,
  isRemoteOnly: boolean,
): ReadonlyMap<string, readonly ToldKey[]> {
  const keys = new Map<string, ToldKey[]>();
  for (const text of texts) {
    const [, site = siteId, key = text] = /^([\w.-]+)=(?=.)(.*)$/.exec(text) ?? [];
    const told = parseKey(key);
    if (told === null) {
      const wanted = 'a public key in base64 or hexadecimal or its fingerprint, of another site SITE=KEY';
      throw new UsageError(`--key is '${text}'; expected ${wanted}`, HELP);
    }
    if (site === siteId && !isRemoteOnly) {
      throw new UsageError(`--key of site ${siteId} itself needs --remote-only: its own database has its key`, HELP);
    }
    keys.set(site, [...(keys.get(site) ?? []), told]);
  }
  if (isRemoteOnly && !keys.has(siteId)) {
    throw new UsageError(`--remote-only needs --key: the public key of site ${siteId}, told by the site itself`, HELP);
  }
  return keys;
}

/** The record of `--head`; null: none was given. */
export function readHead(text: string | undefined): Link | null {
  if (text === undefined) return null;
  const [, seq, digest] = /^(\d{1,9}):([\da-fA-F]{64})$/.exec(text) ?? [];
  if (seq !== undefined && digest !== undefined) return { seq: Number(seq), digest: digest.toLowerCase() };
  throw new UsageError(
    `--head is '${text}'; expected the number of a record, a colon and its digest, as status and verify print them`,
    HELP,
  );
}

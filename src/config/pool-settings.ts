import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { ConnectionSettings, TlsSettings } from './read/read-connection.js';

/** What a pool needs; the same shape as `PoolSettings` of src/postgres, which this folder does not know. */
interface DatabaseAccess extends Omit<ConnectionSettings, 'tls'> {
  readonly ssl: boolean | ConnectionOptions;
  /** Go on without TLS where the server has none. */
  readonly isTlsOptional: boolean;
  readonly applicationName: string;
  readonly maxConnections: number;
}

/** The settings of a pool. Certificates are read now, so that a new pool takes renewed ones. */
export function toPoolSettings(
  { tls, ...connection }: ConnectionSettings,
  options: { readonly applicationName: string; readonly maxConnections: number },
): DatabaseAccess {
  return { ...connection, ...options, ssl: toTlsOptions(tls), isTlsOptional: tls.mode === 'prefer' };
}

/** As in libpq, `prefer` and `require` trust any certificate, until there are authorities to check it against. */
function toTlsOptions({ mode, rootCert, cert, key }: TlsSettings): boolean | ConnectionOptions {
  if (mode === 'disable') return false;
  const verifies = mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && rootCert !== null);
  return {
    rejectUnauthorized: verifies,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(rootCert === null || rootCert === 'system' ? {} : { ca: readFileSync(rootCert) }),
    ...(cert === null ? {} : { cert: readFileSync(cert) }),
    ...(key === null ? {} : { key: readFileSync(key) }),
  };
}

import type { ConnectionOptions } from 'node:tls';
import { readSettingFile, type SettingFile } from './check/setting-file.js';
import type { ConnectionSettings, TlsSettings } from './read/read-connection.js';

/** What a pool needs; the same shape as `PoolSettings` of src/postgres, which this folder does not know. */
interface DatabaseAccess extends Omit<ConnectionSettings, 'tls' | 'passedOver'> {
  /** False: no TLS. Else asked at each new connection. */
  readonly ssl: false | (() => Promise<ConnectionOptions>);
  /** Go on without TLS where the server has none. */
  readonly isTlsOptional: boolean;
  readonly isTlsDirect: boolean;
  readonly applicationName: string;
  readonly maxConnections: number;
}

/** The settings of a pool. Certificates are read for each connection, so that renewed ones need no restart. */
export function toPoolSettings(
  { tls, passedOver: _told, ...connection }: ConnectionSettings,
  options: { readonly applicationName: string; readonly maxConnections: number },
): DatabaseAccess {
  return {
    ...connection,
    ...options,
    ssl: tls.mode === 'disable' ? false : () => readTlsOptions(tls),
    isTlsOptional: tls.mode === 'prefer',
    isTlsDirect: tls.isDirect,
  };
}

/** As in libpq, `prefer` and `require` trust any certificate, until there are authorities to check it against. */
async function readTlsOptions({ mode, rootCert, cert, key }: TlsSettings): Promise<ConnectionOptions> {
  const verifies = mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && rootCert !== null);
  return {
    rejectUnauthorized: verifies,
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    ...(await readFiles({ ca: rootCert === 'system' ? null : rootCert, cert, key })),
  };
}

async function readFiles(files: Readonly<Record<string, SettingFile | null>>): Promise<Record<string, Buffer>> {
  const read: Record<string, Buffer> = {};
  for (const [option, file] of Object.entries(files)) if (file !== null) read[option] = await readSettingFile(file);
  return read;
}

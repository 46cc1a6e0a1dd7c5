import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate and its key, in PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

/** Who signs a certificate, for whom, and what it is good for. */
interface Request {
  readonly name: string;
  /** Absent: it signs itself. */
  readonly by?: Certified;
  /** As OpenSSL takes them: `basicConstraints=critical,CA:TRUE`. */
  readonly extensions?: readonly string[];
}

/** Makes a certificate with OpenSSL; that of an authority unless its extensions say otherwise. */
export function certify({ name, by, extensions = ['basicConstraints=critical,CA:TRUE'] }: Request): Certified {
  const folder = mkdtempSync(join(tmpdir(), 'meter-sync-tls-'));
  const path = (file: string): string => join(folder, file);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  openssl(
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    'key',
    '-out',
    'request',
  );
  writeFileSync(path('extensions'), extensions.join('\n'));
  const signing = by === undefined ? ['-signkey', 'key'] : ['-CA', 'ca', '-CAkey', 'ca-key', '-CAcreateserial'];
  if (by !== undefined) writeFileSync(path('ca'), by.cert);
  if (by !== undefined) writeFileSync(path('ca-key'), by.key);
  openssl('x509', '-req', '-in', 'request', '-days', '2', '-extfile', 'extensions', '-out', 'cert', ...signing);
  return { cert: readFileSync(path('cert'), 'utf8'), key: readFileSync(path('key'), 'utf8') };
}

/** What a certificate of a server needs to be taken for `localhost`. */
export const OF_SERVER = ['subjectAltName=DNS:localhost', 'extendedKeyUsage=serverAuth', 'basicConstraints=CA:FALSE'];

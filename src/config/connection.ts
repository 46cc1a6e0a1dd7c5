import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Side } from '../model/failures.js';
import { connectionSchema, PREFIXES } from './connection-settings.js';
import { parseConnectionUrl } from './connection-url.js';
import { Secret } from './secret.js';
import { factsOf } from './setting.js';
import type { SslMode } from './settings.js';
import { findValue, type Layer, type Report, toReason } from './sources.js';
import { readValues, toProblem } from './values.js';

/** How to reach one database; `toPoolSettings` makes of it what the driver takes. */
export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Asked at each new connection, so that a password file may change while the process runs; null: none is sent. */
  readonly password: (() => string | Promise<string>) | null;
  readonly tls: TlsSettings;
}

/** The files are paths; `rootCert` may also be `system`. */
export interface TlsSettings {
  readonly mode: SslMode;
  readonly rootCert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

type Values = NonNullable<ReturnType<typeof readValues<typeof connectionSchema>>>;
type Name = keyof typeof connectionSchema.shape;

/** The connection of one side, or null after a report of everything that is wrong with it. */
export function readConnection(side: Side, layers: readonly Layer[], report: Report): ConnectionSettings | null {
  const prefix = PREFIXES[side];
  if (!isMentioned(prefix, layers)) {
    const wanted = `the host of the ${side} database, or ${prefix}URL`;
    report({ setting: `${prefix}HOST`, found: 'not set', where: null, wanted });
    return null;
  }
  const all = withUrl(prefix, layers, report);
  if (all === null) return null; // what stands beside a URL that cannot be read leads to another database
  const values = readValues(connectionSchema, prefix, all, report);
  if (values === null) return null;
  const reportOf = (name: Name, found: string, wanted = factsOf(connectionSchema.shape[name]).wanted): void =>
    report({ setting: `${prefix}${name}`, found, where: findValue(all, `${prefix}${name}`)?.where ?? null, wanted });
  checkFiles(values, reportOf);
  const user = values.USER ?? userInfo().username;
  return {
    host: values.HOST,
    port: values.PORT,
    database: values.DB ?? user,
    user,
    password: toPassword(values),
    tls: {
      mode: values.HOST.startsWith('/') ? 'disable' : values.SSLMODE, // libpq: there is no TLS on Unix sockets
      rootCert: values.SSLROOTCERT ?? null,
      cert: values.SSLCERT ?? null,
      key: values.SSLKEY ?? null,
    },
  };
}

/** With no setting at all the defaults would lead both sides to one database. */
function isMentioned(prefix: string, layers: readonly Layer[]): boolean {
  return ['URL', 'HOST', 'PORT', 'USER', 'DB'].some((name) => findValue(layers, `${prefix}${name}`) !== null);
}

/** The parts of a URL come last, so that a password file, for one, can stand beside it; null when it cannot be read. */
function withUrl(prefix: string, layers: readonly Layer[], report: Report): readonly Layer[] | null {
  const found = findValue(layers, `${prefix}URL`);
  if (found === null) return layers;
  const parts = parseConnectionUrl(found.value.trim());
  if (parts === null) {
    report(toProblem(`${prefix}URL`, factsOf(connectionSchema.shape.URL), found));
    return null;
  }
  const values = Object.fromEntries(Object.entries(parts).map(([name, value]) => [`${prefix}${name}`, value]));
  const hasFile = findValue(layers, `${prefix}PASSWORD_FILE`) !== null;
  if (hasFile) delete values[`${prefix}PASSWORD`];
  return [...layers, { values, describe: () => `from ${prefix}URL` }];
}

function checkFiles(values: Values, report: (name: Name, found: string, wanted?: string) => void): void {
  if (values.PASSWORD !== undefined && values.PASSWORD_FILE !== undefined)
    report('PASSWORD_FILE', 'set beside PASSWORD', 'one of the two');
  for (const name of ['PASSWORD_FILE', 'SSLROOTCERT', 'SSLCERT', 'SSLKEY'] as const) {
    const path = values[name];
    if (path === undefined || (name === 'SSLROOTCERT' && path === 'system')) continue;
    const reason = findReason(path);
    if (reason !== null) report(name, `'${path}', which is ${reason}`);
  }
  if (values.SSLCERT !== undefined && values.SSLKEY === undefined) report('SSLKEY', 'not set');
  if (values.SSLKEY !== undefined && values.SSLCERT === undefined) report('SSLCERT', 'not set');
  const verifies = values.SSLMODE === 'verify-ca' || values.SSLMODE === 'verify-full';
  if (verifies && values.SSLROOTCERT === undefined) {
    report(
      'SSLROOTCERT',
      'not set',
      `the path of a file that can be read, or system, since SSLMODE is ${values.SSLMODE}`,
    );
  }
  if (values.SSLROOTCERT === 'system' && values.SSLMODE !== 'verify-full') {
    report(
      'SSLMODE',
      `'${values.SSLMODE}'`,
      'verify-full, since SSLROOTCERT is system: anybody can have such a certificate',
    );
  }
}

function findReason(path: string): string | null {
  try {
    readFileSync(path);
    return null;
  } catch (error) {
    return toReason(error);
  }
}

function toPassword({ PASSWORD, PASSWORD_FILE }: Values): ConnectionSettings['password'] {
  if (PASSWORD_FILE !== undefined) {
    return async () => (await readFile(PASSWORD_FILE, 'utf8')).replace(/\r?\n$/, '');
  }
  if (PASSWORD === undefined) return null;
  const secret = new Secret(PASSWORD);
  return () => secret.reveal();
}

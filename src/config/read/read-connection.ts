import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Side } from '../../model/failures.js';
import { findConnectionProblems } from '../check/connection-problems.js';
import type { Report } from '../check/problems.js';
import { connectionSchema, type ConnectionValues, PREFIXES, type SslMode } from '../define/connection-schema.js';
import { Secret } from '../define/secret.js';
import { factsOf } from '../define/setting.js';
import { findValue, type Layer } from './layers.js';
import { readValues, toProblem } from './read-values.js';

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
  for (const { name, found, wanted = factsOf(connectionSchema.shape[name]).wanted } of findConnectionProblems(values)) {
    const setting = `${prefix}${name}`;
    report({ setting, found, where: findValue(all, setting)?.where ?? null, wanted });
  }
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

/**
 * The settings that a connection URL holds, by their names without prefix; null when it is none, or when it asks for
 * something that we do not know. As in libpq, parameters go before the other parts.
 */
function parseConnectionUrl(text: string): Readonly<Record<string, string>> | null {
  try {
    const url = new URL(text);
    if (!['postgres:', 'postgresql:'].includes(url.protocol) || url.hash !== '') return null;
    const parts: [string, string][] = [
      ['HOST', decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1')],
      ['PORT', url.port],
      ['USER', decodeURIComponent(url.username)],
      ['PASSWORD', decodeURIComponent(url.password)],
      ['DB', decodeURIComponent(url.pathname.replace(/^\//, ''))],
    ];
    for (const [name, value] of url.searchParams) {
      const setting = PARAMETERS[name];
      if (setting === undefined) return null;
      parts.push([setting, value]);
    }
    return Object.fromEntries(parts.filter(([, value]) => value !== ''));
  } catch {
    return null; // neither URL nor percent-encoding; the error would quote the password
  }
}

/** What the parts of a connection URL are called among the settings. */
const PARAMETERS: Readonly<Record<string, string>> = {
  host: 'HOST',
  port: 'PORT',
  user: 'USER',
  password: 'PASSWORD',
  dbname: 'DB',
  sslmode: 'SSLMODE',
  sslrootcert: 'SSLROOTCERT',
  sslcert: 'SSLCERT',
  sslkey: 'SSLKEY',
};

function toPassword({ PASSWORD, PASSWORD_FILE }: ConnectionValues): ConnectionSettings['password'] {
  if (PASSWORD_FILE !== undefined) {
    return async () => (await readFile(PASSWORD_FILE, 'utf8')).replace(/\r?\n$/, '');
  }
  if (PASSWORD === undefined) return null;
  const secret = new Secret(PASSWORD);
  return () => secret.reveal();
}

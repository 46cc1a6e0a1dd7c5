import { userInfo } from 'node:os';
import type { Side } from '../../model/failures.js';
import { findConnectionProblems } from '../check/connection-problems.js';
import type { Report } from '../check/problems.js';
import { readSettingFile, type SettingFile } from '../check/setting-file.js';
import {
  type Address,
  connectionSchema,
  type ConnectionValues,
  PREFIXES,
  type SslMode,
} from '../define/connection-schema.js';
import { HIDDEN, Secret } from '../define/secret.js';
import { factsOf } from '../define/setting.js';
import { findValue, type Layer } from './layers.js';
import { parseConnectionUrl } from './parse-connection-url.js';
import { readValues, toProblem } from './read-values.js';

/** How to reach one database; `toPoolSettings` makes of it what the driver takes. */
export interface ConnectionSettings extends Address {
  /** Further hosts, tried in their order. */
  readonly moreHosts: readonly Address[];
  /** What the host that is taken must be. */
  readonly sessionAttrs: 'any' | 'read-write' | 'primary';
  readonly database: string;
  readonly user: string;
  /** Asked at each new connection, so that a password file may change while the process runs. */
  readonly password: () => string | Promise<string>;
  readonly needsChannelBinding: boolean;
  /** Settings of the server for each session; null: none. */
  readonly options: string | null;
  readonly tls: TlsSettings;
  /** Parameters of the URL that change nothing, each with the reason. */
  readonly passedOver: readonly string[];
}

/** The files are read anew for each connection. */
export interface TlsSettings {
  readonly mode: SslMode;
  readonly isDirect: boolean;
  readonly rootCert: SettingFile | 'system' | null;
  readonly cert: SettingFile | null;
  readonly key: SettingFile | null;
}

/** The connection of one side, or null after a report of everything that is wrong with it. */
export function readConnection(side: Side, layers: readonly Layer[], report: Report): ConnectionSettings | null {
  const prefix = PREFIXES[side];
  if (!isMentioned(prefix, layers)) {
    const wanted = `the host of the ${side} database, or ${prefix}URL`;
    report({ setting: `${prefix}HOST`, found: 'not set', where: null, wanted });
    return null;
  }
  const url = openUrl(prefix, layers, report);
  if (url === null) return null; // what stands beside a URL that cannot be read leads to another database
  const all = [...layers, ...url.layers];
  const values = readValues(connectionSchema, prefix, all, report);
  if (values === null) return null;
  for (const { name, found, wanted = factsOf(connectionSchema.shape[name]).wanted } of findConnectionProblems(values)) {
    const setting = `${prefix}${name}`;
    report({ setting, found, where: findValue(all, setting)?.where ?? null, wanted });
  }
  const user = values.USER ?? userInfo().username;
  return {
    ...toAddresses(values),
    database: values.DB ?? user,
    user,
    password: toPassword(prefix, values),
    needsChannelBinding: values.CHANNEL_BINDING === 'require',
    options: values.OPTIONS ?? null,
    tls: toTls(prefix, values),
    passedOver: url.passedOver,
  };
}

function toAddresses({
  HOST: hosts,
  PORT: ports,
  TARGET_SESSION_ATTRS,
}: ConnectionValues): Pick<ConnectionSettings, 'host' | 'port' | 'moreHosts' | 'sessionAttrs'> {
  const [first, ...moreHosts] = hosts.map((host, at) => ({ host, port: ports[at] ?? ports[0] ?? 0 }));
  if (first === undefined) throw new Error('a list of hosts holds at least one');
  return { ...first, moreHosts, sessionAttrs: TARGET_SESSION_ATTRS ?? (moreHosts.length > 0 ? 'read-write' : 'any') };
}

function toTls(prefix: string, values: ConnectionValues): TlsSettings {
  const { HOST, SSLMODE, SSLNEGOTIATION, SSLROOTCERT } = values;
  const isSocket = HOST.every((host) => host.startsWith('/'));
  const file = (name: 'SSLROOTCERT' | 'SSLCERT' | 'SSLKEY'): SettingFile | null => {
    const path = values[name];
    return path === undefined ? null : { setting: `${prefix}${name}`, path };
  };
  return {
    mode: isSocket ? 'disable' : SSLMODE, // libpq: there is no TLS on Unix sockets
    isDirect: SSLNEGOTIATION === 'direct',
    rootCert: SSLROOTCERT === 'system' ? 'system' : file('SSLROOTCERT'),
    cert: file('SSLCERT'),
    key: file('SSLKEY'),
  };
}

/** With no setting at all the defaults would lead both sides to one database. */
function isMentioned(prefix: string, layers: readonly Layer[]): boolean {
  return ['URL', 'HOST', 'PORT', 'USER', 'DB'].some((name) => findValue(layers, `${prefix}${name}`) !== null);
}

/** The parts of a URL come last, so that a password file, for one, can stand beside it; null when it cannot be read. */
export function openUrl(
  prefix: string,
  layers: readonly Layer[],
  report: Report,
): { readonly layers: readonly Layer[]; readonly passedOver: readonly string[] } | null {
  const found = findValue(layers, `${prefix}URL`);
  if (found === null) return { layers: [], passedOver: [] };
  const url = parseConnectionUrl(found.value.trim());
  if (url === null) {
    report(toProblem(`${prefix}URL`, factsOf(connectionSchema.shape.URL), found));
    return null;
  }
  for (const { name, wanted } of url.refused) {
    const hidden = `${HIDDEN}, with the parameter ${toShown(name)}`;
    report({ setting: `${prefix}URL`, found: hidden, where: found.where, wanted });
  }
  const values = Object.fromEntries(Object.entries(url.values).map(([name, value]) => [`${prefix}${name}`, value]));
  const hasFile = findValue(layers, `${prefix}PASSWORD_FILE`) !== null;
  if (hasFile) delete values[`${prefix}PASSWORD`];
  return { layers: [{ values, describe: () => `from ${prefix}URL` }], passedOver: url.passedOver };
}

/** A name that is none may be a piece of something secret. */
function toShown(parameter: string): string {
  return /^[a-zA-Z_]{1,40}$/.test(parameter) ? parameter : '(hidden)';
}

function toPassword(prefix: string, { PASSWORD, PASSWORD_FILE }: ConnectionValues): ConnectionSettings['password'] {
  if (PASSWORD_FILE !== undefined)
    return () => readPassword({ setting: `${prefix}PASSWORD_FILE`, path: PASSWORD_FILE });
  if (PASSWORD === undefined) return () => refusePassword(prefix);
  const secret = new Secret(PASSWORD);
  return () => secret.reveal();
}

async function readPassword(file: SettingFile): Promise<string> {
  const password = (await readSettingFile(file)).toString('utf8').replace(/\r?\n$/, '');
  if (password !== '') return password;
  throw new Error(
    `${file.setting} is '${file.path}', which holds no password; expected a file with the password in it`,
  );
}

/** Asked only when the server wants a password. */
function refusePassword(prefix: string): never {
  throw new Error(
    `the server asks for a password, and none is set; expected ${prefix}PASSWORD or ${prefix}PASSWORD_FILE`,
  );
}

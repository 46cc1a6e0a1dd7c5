/** What the parts of a connection URL are called among the settings. */
const SETTING_OF_PARAMETER: ReadonlyMap<string, string> = new Map([
  ['host', 'HOST'],
  ['port', 'PORT'],
  ['user', 'USER'],
  ['password', 'PASSWORD'],
  ['dbname', 'DB'],
  ['sslmode', 'SSLMODE'],
  ['sslrootcert', 'SSLROOTCERT'],
  ['sslcert', 'SSLCERT'],
  ['sslkey', 'SSLKEY'],
  ['sslnegotiation', 'SSLNEGOTIATION'],
  ['channel_binding', 'CHANNEL_BINDING'],
  ['target_session_attrs', 'TARGET_SESSION_ATTRS'],
  ['options', 'OPTIONS'],
]);

/** Parameters of libpq that change nothing here, and why. */
const PASSED_OVER: ReadonlyMap<string, string> = new Map([
  ['application_name', 'connections are named after the site'],
  ['fallback_application_name', 'connections are named after the site'],
  ['connect_timeout', 'a connection has 10 seconds'],
  ['keepalives', 'they are always on'],
  ['keepalives_idle', 'they are always on, after 10 seconds'],
  ['keepalives_interval', "they are always on, at the system's pace"],
  ['keepalives_count', "they are always on, at the system's pace"],
  ['tcp_user_timeout', 'waits have bounds of their own'],
  ['client_encoding', 'it is always UTF-8'],
  ['gssencmode', 'GSSAPI encryption is not used'],
  ['gssdelegation', 'GSSAPI is not used'],
  ['gsslib', 'GSSAPI is not used'],
  ['krbsrvname', 'GSSAPI is not used'],
  ['load_balance_hosts', 'hosts are tried in their order'],
  ['sslcompression', 'TLS is not compressed'],
  ['sslsni', 'the name of the host is always sent'],
]);

/** Parameters of libpq that ask for something which is not done here, and what to do instead. */
const NOT_DONE: ReadonlyMap<string, string> = new Map([
  ['service', 'the parts of the service in its place: service files are not read'],
  ['servicefile', 'the parts of the service in its place: service files are not read'],
  ['passfile', 'PASSWORD_FILE in its place: password files of libpq are not read'],
  ['sslpassword', 'a key without a passphrase'],
  ['sslcrl', 'no such parameter: lists of revoked certificates are not read'],
  ['sslcrldir', 'no such parameter: lists of revoked certificates are not read'],
  ['hostaddr', 'the address as the host'],
  ['replication', 'no such parameter: these are ordinary sessions'],
]);

/** A parameter of a URL that cannot be taken. */
export interface RefusedParameter {
  readonly name: string;
  readonly wanted: string;
}

/** What a connection URL says. */
export interface ConnectionUrl {
  /** By the names of the settings, without prefix. */
  readonly values: Readonly<Record<string, string>>;
  /** Parameters that change nothing, each with the reason. */
  readonly passedOver: readonly string[];
  readonly refused: readonly RefusedParameter[];
}

/** User and password end at the last @, as in a browser; hosts, each with its port, stand between commas. */
const URL_SHAPE = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const HOST_SHAPE = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d*))?$/;
const DEFAULT_PORT = '5432';

/** A connection URL as libpq reads it: its parameters go before its other parts. Null when it is none; no error quotes it. */
export function parseConnectionUrl(text: string): ConnectionUrl | null {
  const [, login = '', authority = '', database = '', query = ''] = URL_SHAPE.exec(text) ?? [];
  if (!URL_SHAPE.test(text) || query.includes('@')) return null; // a password with a bare ? would be taken apart
  try {
    const [user = '', ...password] = login.split(':');
    const parameters = query
      .split('&')
      .filter((pair) => pair !== '')
      .map(toParameter);
    const values: [string, string][] = [
      ...parseHosts(authority),
      ['USER', decodeURIComponent(user)],
      ['PASSWORD', decodeURIComponent(password.join(':'))],
      ['DB', decodeURIComponent(database)],
    ];
    for (const [name, value] of parameters) {
      const setting = SETTING_OF_PARAMETER.get(name);
      if (setting !== undefined) values.push([setting, value]);
    }
    return { values: Object.fromEntries(values.filter(([, value]) => value !== '')), ...judge(parameters) };
  } catch {
    return null; // no hosts, or no percent-encoding; the error would quote the password
  }
}

function toParameter(pair: string): [string, string] {
  const [name = '', ...value] = pair.split('=');
  return [decodeURIComponent(name), decodeURIComponent(value.join('='))];
}

function parseHosts(authority: string): [string, string][] {
  const hosts = authority.split(',').map((host) => {
    const [, name, port = ''] = HOST_SHAPE.exec(host) ?? [];
    if (name === undefined) throw new Error('no host');
    return { name: decodeURIComponent(name).replace(/^\[(.*)\]$/, '$1'), port };
  });
  const ports = hosts.map(({ port }) => port);
  const hasPorts = ports.some((port) => port !== '');
  return [
    ['HOST', hosts.map(({ name }) => name).join(',')],
    ['PORT', hasPorts ? ports.map((port) => port || DEFAULT_PORT).join(',') : ''],
  ];
}

function judge(parameters: readonly [string, string][]): Pick<ConnectionUrl, 'passedOver' | 'refused'> {
  const passedOver: string[] = [];
  const refused: RefusedParameter[] = [];
  for (const [name, value] of parameters) {
    if (SETTING_OF_PARAMETER.has(name)) continue;
    const isDemand = name === 'gssencmode' && value === 'require';
    const reason = PASSED_OVER.get(name);
    if (reason !== undefined && !isDemand) passedOver.push(`${name}: ${reason}`);
    else refused.push({ name, wanted: NOT_DONE.get(name) ?? 'a parameter that docs/settings.md names' });
  }
  return { passedOver, refused };
}

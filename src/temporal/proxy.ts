import { BadTemporalSettings } from './errors.js';

/**
 * How a process gets to Temporal: directly, unless `grpc_proxy` names an HTTP proxy. Worker and commands go the same way. The
 * client library alone would also follow `https_proxy` and `http_proxy`, and the worker's core follows none: machines of a
 * company have those for web pages, and a Temporal in the same network is seldom behind them. `grpc_proxy` is set for gRPC alone.
 * A loopback address, and what `no_grpc_proxy` or else `no_proxy` names, is always reached directly.
 */
export interface WayToTemporal {
  readonly proxy: HttpProxy | null;
  /** For a message when nobody answers: which variable led there, or was not followed. Empty: there is none. */
  readonly hint: string;
}

/** For the `proxy` option of a worker's connection; holds a secret. */
interface HttpProxy {
  readonly type: 'http-connect';
  readonly targetHost: string;
  readonly basicAuth?: { readonly username: string; readonly password: string };
}

/** As gRPC libraries name it. They read it in small letters only. */
const PROXY = 'grpc_proxy';
const NOT_FOLLOWED = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY', 'GRPC_PROXY'];

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The way to an address. The client library looks at the environment of the process by itself, so nothing else can say it.
 * @throws BadTemporalSettings - `grpc_proxy` is no http URL
 */
export function wayTo(address: string, env: Env = process.env): WayToTemporal {
  const host = toHost(address);
  if (isLoopback(host)) return { proxy: null, hint: '' };
  const url = env[PROXY] ?? '';
  if (url === '') return { proxy: null, hint: hintOfOthers(env) };
  if (isExcepted(host, env)) return { proxy: null, hint: '' };
  const proxy = toProxy(url);
  const hint = `; tried through the proxy ${proxy.targetHost} (${PROXY}). If no proxy is needed, set no_proxy=${host}`;
  return { proxy, hint };
}

function hintOfOthers(env: Env): string {
  const name = NOT_FOLLOWED.find((variable) => (env[variable] ?? '') !== '');
  return name === undefined
    ? ''
    : `; tried directly, since ${name} is not used for Temporal. If a proxy is needed, set ${PROXY}`;
}

/** The library's own error for such a value is a line of its log, after which it goes on without a proxy. */
function toProxy(value: string): HttpProxy {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url === null || url.protocol !== 'http:') {
    throw new BadTemporalSettings(`${PROXY} is not an http URL; expected one such as http://proxy.example.com:3128`);
  }
  const targetHost = `${url.hostname}:${url.port === '' ? '80' : url.port}`;
  if (url.username === '') return { type: 'http-connect', targetHost };
  const [username, password] = [url.username, url.password].map(decodeURIComponent) as [string, string];
  return { type: 'http-connect', targetHost, basicAuth: { username, password } };
}

function toHost(address: string): string {
  const bracketed = /^\[(.*)\]/.exec(address)?.[1];
  return bracketed ?? (address.split(':').length === 2 ? address.replace(/:.*$/, '') : address);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.\d+){3}$/.test(host);
}

/** As the client library reads such a list: each entry is the end of a name, or a range of IPv4 addresses. */
function isExcepted(host: string, env: Env): boolean {
  const list = env['no_grpc_proxy'] || env['no_proxy'] || '';
  return list.split(',').some((entry) => entry !== '' && (host.endsWith(entry) || isInRange(host, entry)));
}

function isInRange(host: string, range: string): boolean {
  const [network, bits] = range.split('/');
  const [address, base] = [toNumber(host), toNumber(network ?? '')];
  if (bits === undefined || address === null || base === null) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(address / size) === Math.floor(base / size);
}

function toNumber(ipv4: string): number | null {
  if (!/^\d+(\.\d+){3}$/.test(ipv4)) return null;
  return ipv4.split('.').reduce((number, part) => number * 256 + Number(part), 0);
}

import { isIPv6 } from 'node:net';

/** Where a server of ours listens. */
export interface ListenAddress {
  /** A name or an address, an IPv6 one without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Where only a port is given: what the machine tells itself is nobody else's business. */
const LOOPBACK = '127.0.0.1';
const HOST = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

/** `host:port`, `[IPv6]:port`, or a port alone, which is loopback's; null: none of these. */
export function parseListenAddress(text: string): ListenAddress | null {
  const [, host, digits = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port < 1 || port > 65_535) return null;
  if (host === undefined) return { host: LOOPBACK, port };
  const inBrackets = /^\[(.*)\]$/.exec(host)?.[1];
  if (inBrackets !== undefined) return isIPv6(inBrackets) ? { host: inBrackets, port } : null;
  return HOST.test(host) ? { host, port } : null;
}

/** As it is written in a setting. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

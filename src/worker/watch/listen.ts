import { type AddressInfo, createServer, type Server } from 'node:net';
import { formatListenAddress, type ListenAddress } from '../../config/define/listen-address.js';

/** An address of the settings on which this process cannot listen. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen';
  readonly next: string;

  constructor(setting: string, address: ListenAddress, cause: unknown) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const reason = REASONS[code] ?? `this process cannot listen there${code === '' ? '' : ` (${code})`}`;
    super(`${setting} is '${formatListenAddress(address)}': ${reason}`, { cause });
    this.next = `Set ${setting} to an address of this machine and a free port, and start the worker again`;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'this user may not listen there; ports below 1024 belong to root',
  ENOTFOUND: 'nobody knows a host of that name',
};

/**
 * Listens at an address of the settings.
 * @throws CannotListen
 */
export async function listen(server: Server, setting: string, address: ListenAddress): Promise<void> {
  try {
    await new Promise<void>((up, fail) => {
      server.once('error', fail);
      server.listen(address.port, address.host, () => {
        server.off('error', fail);
        up();
      });
    });
  } catch (error) {
    throw new CannotListen(setting, address, error);
  }
}

/**
 * An address as Temporal's core takes it, an IP address with a port, after a look that it is free: the core says no more than that it
 * could not start.
 * @throws CannotListen
 */
export async function toFreeSocketAddress(setting: string, address: ListenAddress): Promise<string> {
  const look = createServer();
  await listen(look, setting, address);
  const { address: host, port } = look.address() as AddressInfo;
  await new Promise((closed) => look.close(closed));
  return formatListenAddress({ host, port });
}

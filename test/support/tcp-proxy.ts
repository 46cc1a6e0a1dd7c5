import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What becomes of a chunk: what of it is passed on, and whether the connection is cut then. */
export interface Verdict {
  readonly pass: Buffer;
  readonly isCut: boolean;
}

/** Judges a chunk on its way. */
type Judge = (chunk: Buffer) => Verdict;

/** A TCP proxy that loses what a network can lose. */
export interface TcpProxy {
  readonly port: number;
  /** Judges what clients send; may be replaced at any time, as `toClient`. */
  toServer: Judge;
  toClient: Judge;
  readonly close: () => Promise<void>;
}

export const passAll: Judge = (chunk) => ({ pass: chunk, isCut: false });

/** Opens a proxy in front of a server; it passes everything until it is told otherwise. */
export async function openProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    const server = connect(target);
    pass(client, server, (chunk) => proxy.toServer(chunk), sockets);
    pass(server, client, (chunk) => proxy.toClient(chunk), sockets);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const proxy: TcpProxy = {
    port: (listener.address() as AddressInfo).port,
    toServer: passAll,
    toClient: passAll,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
  return proxy;
}

function pass(from: Socket, to: Socket, judge: Judge, sockets: Set<Socket>): void {
  sockets.add(from);
  from.on('data', (chunk) => {
    const verdict = judge(chunk);
    if (!verdict.isCut) return void to.write(verdict.pass);
    to.end(verdict.pass);
    from.destroy();
  });
  from.on('error', () => undefined); // a connection that was cut complains; its close follows
  from.on('close', () => {
    sockets.delete(from);
    to.end();
  });
}

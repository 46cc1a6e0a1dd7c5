import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What becomes of a chunk: what of it is passed on, and whether the connection is cut then. */
export interface Verdict {
  readonly pass: Buffer;
  readonly isCut: boolean;
}

/** Judges a chunk on its way. */
type Judge = (chunk: Buffer) => Verdict;

/** A link that is far, and narrow. */
export interface Pace {
  /** One way. */
  readonly delayMs: number;
  readonly bytesPerSecond: number;
}

/** A TCP proxy that loses what a network can lose. */
export interface TcpProxy {
  readonly port: number;
  /** Judges what clients send; may be replaced at any time, as `toClient`. */
  toServer: Judge;
  toClient: Judge;
  /** How slow the link is; null: it is not. */
  pace: Pace | null;
  /** From now on nothing passes, on connections to come neither, and none of them is closed. */
  readonly freeze: () => void;
  /** What was held back passes, and all else. */
  readonly thaw: () => void;
  readonly close: () => Promise<void>;
}

export const passAll: Judge = (chunk) => ({ pass: chunk, isCut: false });

/** Opens a proxy in front of a server, on a free port or on that of one that was closed; it passes everything until it is told otherwise. */
export async function openProxy(
  target: { readonly host: string; readonly port: number },
  listenPort = 0,
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const link: Link = { isFrozen: false, pace: () => proxy.pace };
  const listener = createServer((client) => {
    const server = connect(target);
    for (const socket of [client, server]) sockets.add(socket.on('close', () => sockets.delete(socket)));
    pass(client, server, (chunk) => proxy.toServer(chunk), link);
    pass(server, client, (chunk) => proxy.toClient(chunk), link);
    if (link.isFrozen) for (const socket of [client, server]) socket.pause();
  });
  listener.listen(listenPort, '127.0.0.1');
  await once(listener, 'listening');
  const proxy: TcpProxy = {
    port: (listener.address() as AddressInfo).port,
    toServer: passAll,
    toClient: passAll,
    pace: null,
    freeze: () => {
      link.isFrozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw: () => {
      link.isFrozen = false;
      for (const socket of sockets) socket.resume();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
  return proxy;
}

interface Link {
  isFrozen: boolean;
  readonly pace: () => Pace | null;
}

function pass(from: Socket, to: Socket, judge: Judge, link: Link): void {
  let isTrickling = false;
  const goOn = (): void => {
    if (!link.isFrozen && !isTrickling && !to.writableNeedDrain) from.resume();
  };
  from.on('data', (chunk) => {
    const verdict = judge(chunk);
    const pace = link.pace();
    if (verdict.isCut) {
      to.end(verdict.pass);
      from.destroy();
    } else if (pace === null) {
      if (!to.write(verdict.pass)) from.pause(); // one end that takes nothing stops the other one, as without a proxy
    } else {
      from.pause();
      isTrickling = true;
      void trickle(verdict.pass, to, pace).then(() => {
        isTrickling = false;
        goOn();
      });
    }
  });
  to.on('drain', goOn);
  from.on('error', () => undefined); // a connection that was cut complains; its close follows
  from.on('close', () => to.end());
}

const TRICKLE_EVERY_MS = 50;

async function trickle(chunk: Buffer, to: Socket, { delayMs, bytesPerSecond }: Pace): Promise<void> {
  await pause(delayMs);
  const size = Math.max(1, Math.floor((bytesPerSecond * TRICKLE_EVERY_MS) / 1_000));
  for (let at = 0; at < chunk.length && to.writable; at += size) {
    to.write(chunk.subarray(at, at + size));
    if (at + size < chunk.length) await pause(TRICKLE_EVERY_MS);
  }
}

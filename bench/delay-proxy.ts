import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

// A program of its own: the proxy must not share an event loop with what is measured. See link.ts for its other half.

/** More than any link of the benchmark has under way; beyond it a sender waits, so that memory is bounded. */
const MOST_HELD_BYTES = 64 * 1024 * 1024;

/** Bytes that have passed, handshakes of the database included, those of TCP not. */
const passed = { toServer: 0, toClient: 0 };

interface Held {
  readonly chunk: Buffer;
  readonly dueAt: number;
}

/** Passes bytes on after `delayMs`, in their order and without a limit of bandwidth. */
function hold(from: Socket, to: Socket, delayMs: number, openAt: number, count: (bytes: number) => void): void {
  const held: Held[] = [];
  let [heldBytes, timer] = [0, undefined as NodeJS.Timeout | undefined];
  let hasEnded = false;
  const release = (): void => {
    timer = undefined;
    while (held[0] !== undefined && held[0].dueAt <= performance.now()) {
      const { chunk } = held.shift() as Held;
      heldBytes -= chunk.length;
      to.write(chunk);
    }
    if (held[0] !== undefined) timer = setTimeout(release, held[0].dueAt - performance.now());
    else if (hasEnded) to.end();
    if (heldBytes + to.writableLength < MOST_HELD_BYTES) from.resume();
  };
  to.on('drain', release);
  from.on('data', (chunk) => {
    count(chunk.length);
    held.push({ chunk, dueAt: Math.max(performance.now(), openAt) + delayMs });
    heldBytes += chunk.length;
    if (heldBytes + to.writableLength >= MOST_HELD_BYTES) from.pause();
    if (delayMs === 0) release();
    else timer ??= setTimeout(release, delayMs);
  });
  from.on('error', () => undefined); // a connection that was cut complains; its close follows
  from.on('close', () => {
    hasEnded = true;
    if (timer === undefined) release();
  });
}

async function listen(target: { readonly host: string; readonly port: number }, delayMs: number): Promise<number> {
  const listener = createServer({ noDelay: true }, (client) => {
    const server = connect({ ...target, noDelay: true });
    const openAt = performance.now() + 2 * delayMs; // TCP's own handshake takes one round trip before the first byte
    hold(client, server, delayMs, openAt, (bytes) => (passed.toServer += bytes));
    hold(server, client, delayMs, 0, (bytes) => (passed.toClient += bytes));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return (listener.address() as AddressInfo).port;
}

const [host = '', port = '', delayMs = ''] = process.argv.slice(2);
process.on('message', () => process.send?.(passed)); // the only question: how much has passed
process.on('disconnect', () => process.exit());
process.send?.({ port: await listen({ host, port: Number(port) }, Number(delayMs)) });

import { type ChildProcess, spawn } from 'node:child_process';
import dns from 'node:dns';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { beforeEach, expect, it, type TestContext, vi } from 'vitest';
import { connectAs } from '../support/connect-as.js';
import { createDatabases, type TestDatabase } from '../support/postgres.js';
import { findFreePort } from '../../src/dev/stack/process/free-port.js';

let local: TestDatabase;
beforeEach(async (context: TestContext) => {
  ({ local } = await createDatabases(context, 'empty'));
});

/** A process that passes connections on to the server; stopped, it answers no new one once its queue of two is full. */
const DOOR = `
  const { connect, createServer } = require('node:net');
  const [host, port, target] = process.argv.slice(1);
  const server = createServer((socket) => {
    const server = connect(Number(target), '127.0.0.1');
    for (const end of [socket, server]) end.on('error', () => undefined);
    socket.pipe(server).pipe(socket);
  });
  server.listen({ host, port: Number(port), backlog: 1 }, () => process.stdout.write('open'));`;

async function openDoor(host: string, port: number, context: TestContext): Promise<ChildProcess> {
  const args = ['-e', DOOR, host, String(port), String(local.settings.port)];
  const door = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  context.onTestFinished(() => void door.kill('SIGKILL'));
  await once(door.stdout, 'data');
  return door;
}

/** Connections that nobody takes: the next one is not answered, as if its packets were lost. */
async function fill(host: string, port: number, context: TestContext): Promise<void> {
  const waiting: Socket[] = [];
  context.onTestFinished(() => waiting.forEach((socket) => socket.destroy()));
  for (let queued = 0; queued < 2; queued += 1) {
    const socket = connect(port, host);
    socket.on('error', () => undefined); // it goes with its door
    waiting.push(socket);
    await once(socket, 'connect');
  }
}

it('of two addresses the first may be slow and the second dead', async (context) => {
  const port = await findFreePort();
  const [slow, dead] = ['127.0.0.2', '127.0.0.3'];
  const door = await openDoor(slow, port, context);
  door.kill('SIGSTOP');
  (await openDoor(dead, port, context)).kill('SIGSTOP');
  for (const host of [slow, dead]) await fill(host, port, context);
  const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((
    _name: string,
    _options: object,
    found: (error: null, addresses: readonly dns.LookupAddress[]) => void,
  ) =>
    found(
      null,
      [slow, dead].map((address) => ({ address, family: 4 })),
    )) as unknown as typeof dns.lookup);
  context.onTestFinished(() => lookup.mockRestore());
  const url = Object.assign(new URL(local.url), { host: `customer.example:${port}` }).href;
  const connecting = connectAs({ POSTGRES_SYNC_URL: url });
  setTimeout(() => door.kill('SIGCONT'), 500); // longer than Node gives an address, shorter than the packet's second try
  expect(await connecting).toMatch(/@\d+$/);
});

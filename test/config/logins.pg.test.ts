import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, type TestContext, vi } from 'vitest';
import type { Pool } from 'pg';
import { ask, connectAs, openPoolAs } from '../support/connect-as.js';
import { createDatabases, type TestDatabase } from '../support/postgres.js';

let local: TestDatabase;
let role: string;
/** A role that may log in and nothing else. */
let url: string;
beforeEach(async (context: TestContext) => {
  ({ local } = await createDatabases(context, 'empty'));
  role = `role_${local.settings.database.slice(-20)}`;
  await local.sql(`create role ${role} login password 'right'`);
  context.onTestFinished(() => local.sql(`drop role ${role}`).then(() => undefined));
  url = Object.assign(new URL(local.url), { username: role, password: '' }).href;
});

/** Connections are not kept, so that each question needs a new one. */
async function forget(pool: Pool): Promise<void> {
  await local.sql(`select pg_terminate_backend(pid) from pg_stat_activity where usename = $1`, [role]);
  while (pool.totalCount > 0) await new Promise((resolve) => setImmediate(resolve));
}

it('a password file that is gone, a folder or empty is a matter of credentials, named, and heals by itself', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'meter-sync-login-')), 'secret');
  writeFileSync(path, 'right\n');
  const pool = openPoolAs({ POSTGRES_SYNC_URL: url, POSTGRES_SYNC_PASSWORD_FILE: path });
  expect(await ask(pool)).toMatch(`${role}@`);
  const spoil = [
    [() => undefined, 'not there'],
    [() => mkdirSync(path), 'a folder'],
    [() => writeFileSync(path, ''), 'empty'],
    [() => writeFileSync(path, '\n'), 'holds no password'],
  ] as const;
  for (const [make, told] of spoil) {
    rmSync(path, { recursive: true, force: true });
    make();
    await forget(pool);
    const failure = await ask(pool);
    expect(failure).toMatchObject({ kind: 'credentials', sqlstate: null, place: { side: 'local' } });
    expect(failure).toMatchObject({
      message: expect.stringContaining(`POSTGRES_SYNC_PASSWORD_FILE is '${path}'`) as unknown,
    });
    expect(failure).toMatchObject({ message: expect.stringContaining(told) as unknown });
    expect(failure).toMatchObject({ next: expect.stringContaining('no restart is needed') as unknown });
  }
  rmSync(path, { recursive: true });
  writeFileSync(path, 'right');
  expect(await ask(pool)).toMatch(`${role}@`);
  await pool.end();
});

it('no password where the server wants one is a matter of credentials, and the setting is named', async () => {
  const failure = await connectAs({ POSTGRES_SYNC_URL: url });
  expect(failure).toMatchObject({
    kind: 'credentials',
    message: expect.stringContaining('POSTGRES_SYNC_PASSWORD') as unknown,
  });
});

it('a password that is hashed with 600,000 iterations logs in, and one with too many is told', async () => {
  await local.sql(`set scram_iterations = 600000; alter role ${role} password 'right'; reset scram_iterations`);
  expect(await connectAs({ POSTGRES_SYNC_URL: url, POSTGRES_SYNC_PASSWORD: 'right' })).toMatch(`${role}@`);
  const [salt, key] = [Buffer.alloc(16).toString('base64'), Buffer.alloc(32).toString('base64')];
  await local.sql(`alter role ${role} password 'SCRAM-SHA-256$9000000:${salt}$${key}:${key}'`);
  const failure = await connectAs({ POSTGRES_SYNC_URL: url, POSTGRES_SYNC_PASSWORD: 'right' });
  expect(failure).toMatchObject({
    kind: 'credentials',
    message: expect.stringContaining('9000000 SCRAM iterations') as unknown,
    next: expect.stringContaining('scram_iterations') as unknown,
  });
});

it.for([
  ['HTTP', 'prefer', null],
  ['HTTP', 'disable', null],
  ['SSH', 'prefer', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
  ['SSH', 'disable', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
  ['another database', 'prefer', Buffer.from('\x4a\0\0\0\n8.0.36\0')],
] as const)('a port that speaks %s (%s) is told as no PostgreSQL', async ([, mode, greeting], context) => {
  const server = greeting === null ? createHttpServer() : createServer((socket) => greet(socket, greeting));
  const port = await listen(server, context);
  const failure = await connectAs({ POSTGRES_SYNC_URL: `postgresql://u:p@127.0.0.1:${port}/db?sslmode=${mode}` });
  expect(failure).toMatchObject({
    kind: 'config',
    message: expect.stringContaining('no PostgreSQL at that port') as unknown,
  });
});

it('a server that wants GSSAPI is refused, and ends no process', async (context) => {
  const GSSAPI = Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 7]);
  const server = createServer((socket) => void socket.once('data', () => greet(socket, GSSAPI)));
  const port = await listen(server, context);
  const failure = await connectAs({ POSTGRES_SYNC_URL: `postgresql://u:p@127.0.0.1:${port}/db?sslmode=disable` });
  expect(failure).toMatchObject({ kind: 'credentials', next: expect.stringContaining('pg_hba.conf') as unknown });
});

it('channel binding that is required is not given up', async () => {
  const env = { POSTGRES_SYNC_URL: `${url}?sslmode=require&channel_binding=require`, POSTGRES_SYNC_PASSWORD: 'right' };
  expect(await connectAs(env)).toMatchObject({ kind: 'credentials' }); // the server has no TLS, to which it could be bound
});

it('each address of a name has seconds, not the quarter of one that Node gives', async () => {
  const connect = vi.spyOn(Socket.prototype, 'connect');
  await connectAs({ POSTGRES_SYNC_URL: url, POSTGRES_SYNC_PASSWORD: 'right' });
  const options = connect.mock.calls.map(([first]) => first as unknown);
  connect.mockRestore();
  expect(options).toContainEqual(expect.objectContaining({ autoSelectFamilyAttemptTimeout: 3_000 }));
});

it('settings of the server that a URL names are in force', async () => {
  const pool = openPoolAs({ POSTGRES_SYNC_URL: `${url}?options=-c%20work_mem%3D7MB`, POSTGRES_SYNC_PASSWORD: 'right' });
  const { rows } = await pool.query<{ work_mem: string }>('show work_mem');
  await pool.end();
  expect(rows).toEqual([{ work_mem: '7MB' }]);
});

function greet(socket: Socket, bytes: Uint8Array): void {
  socket.on('error', () => undefined); // the client hangs up
  socket.write(bytes);
}

async function listen(server: Server, context: TestContext): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

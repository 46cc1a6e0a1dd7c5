import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, test, type TestContext } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { toPoolSettings } from '../../src/config/pool-settings.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { createPool } from '../../src/postgres/pool.js';
import { run } from '../../src/postgres/session.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { createDatabases, type TestDatabase } from '../support/postgres.js';
import { until } from '../support/wait.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
const CERT = fixture('cert.pem');
/** AuthenticationCleartextPassword. */
const ASK_FOR_PASSWORD = Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 3]);
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

let local: TestDatabase;
beforeEach(async (context: TestContext) => {
  ({ local } = await createDatabases(context, 'empty'));
});

/** Connects as the settings say, and tells how; throws what connecting throws. */
async function connectAs(changes: Record<string, string>): Promise<string | undefined> {
  const env = { POSTGRES_SYNC_URL: local.url, POSTGRES_CLIENT_HOST: 'elsewhere', ...changes };
  const settings = toPoolSettings(loadConfig({ env }).local, { applicationName: 'tls test', maxConnections: 1 });
  const pool = createPool(settings, () => undefined);
  try {
    const [row] = await withTransaction({ side: 'local', pool }, { isolation: 'read committed' }, (session) =>
      run<{ name: string }>(session, { text: 'select current_database()::text as name', values: [] }),
    );
    return row?.name;
  } finally {
    await pool.end();
  }
}

/** The test server behind a door that speaks TLS, as a PostgreSQL with `ssl = on` does. */
async function openTlsDoor(context: TestContext): Promise<{ port: string; encrypted: () => number }> {
  const target = new URL(local.url);
  let encrypted = 0;
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined); // a client that refuses the certificate hangs up
    socket.once('data', (request) => {
      if (!request.equals(SSL_REQUEST)) return void socket.destroy();
      socket.write('S');
      const tls = new TLSSocket(socket, {
        isServer: true,
        cert: readFileSync(CERT),
        key: readFileSync(fixture('key.pem')),
      });
      tls.on('error', () => undefined);
      tls.once('secure', () => (encrypted += 1));
      const upstream = connect(Number(target.port), target.hostname);
      upstream.on('error', () => undefined);
      tls.pipe(upstream).pipe(tls);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  context.onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: String((server.address() as AddressInfo).port), encrypted: () => encrypted };
}

test('prefer goes on without TLS where the server has none, and require does not', async () => {
  expect(await connectAs({})).toBe(local.settings.database);
  const refused: unknown = await connectAs({ POSTGRES_SYNC_SSLMODE: 'require' }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(DatabaseFailure);
  expect(refused).toMatchObject({ kind: 'credentials' });
});

test('prefer takes a wrong password as the error that it is', async () => {
  await expect(connectAs({ POSTGRES_SYNC_PASSWORD: 'wrong' })).rejects.toMatchObject({ sqlstate: '28P01' });
});

test('a password that is asked for and not set is a matter of credentials, and no other place is looked into', async () => {
  const url = Object.assign(new URL(local.url), { password: '' }).href;
  process.env['PGPASSWORD'] = decodeURIComponent(new URL(local.url).password);
  await expect(connectAs({ POSTGRES_SYNC_URL: url })).rejects.toMatchObject({ kind: 'credentials' });
  delete process.env['PGPASSWORD'];
});

test('a connection that cannot give its password does not stay with the server', async (context) => {
  const password = (): never => {
    throw new Error('the file is gone');
  };
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.once('data', () => socket.write(ASK_FOR_PASSWORD));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const pool = createPool({ ...local.settings, host: '127.0.0.1', port, ssl: false, password }, () => undefined);
  await expect(pool.connect()).rejects.toThrow('the file is gone');
  await until(() => sockets[0]?.closed === true, { what: 'the connection has ended', timeoutMs: 5_000 });
  await pool.end();
});

test('prefer and require encrypt where the server can, with any certificate', async (context) => {
  const { port, encrypted } = await openTlsDoor(context);
  for (const mode of ['prefer', 'require']) {
    const changes = { POSTGRES_SYNC_PORT: port, POSTGRES_SYNC_SSLMODE: mode };
    expect(await connectAs(changes)).toBe(local.settings.database);
  }
  expect(encrypted()).toBe(2);
});

test('verify-full takes a certificate of a known authority for that host, and nothing else', async (context) => {
  const { port } = await openTlsDoor(context);
  const verify = (mode: string, host: string, rootCert: string): Promise<unknown> =>
    connectAs({
      POSTGRES_SYNC_HOST: host,
      POSTGRES_SYNC_PORT: port,
      POSTGRES_SYNC_SSLMODE: mode,
      POSTGRES_SYNC_SSLROOTCERT: rootCert,
    }).catch((error: unknown) => error);
  expect(await verify('verify-full', 'localhost', CERT)).toBe(local.settings.database);
  expect(await verify('verify-full', '127.0.0.1', CERT)).toMatchObject({ kind: 'credentials' });
  expect(await verify('verify-full', 'localhost', 'system')).toMatchObject({ kind: 'credentials' });
  expect(await verify('verify-ca', '127.0.0.1', CERT)).toBe(local.settings.database);
});

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { inspectSites } from '../../src/config/load.js';
import { checkSite } from '../../src/cli/check/check-site.js';
import { certify, type Certified, OF_SERVER } from '../support/certificates.js';
import { ask, connectAs, openPoolAs } from '../support/connect-as.js';
import { NO_OTHER_VERSION, startSystemPostgres, type SystemServer } from '../support/system-postgres.js';
import { until } from '../support/wait.js';

const ROLE = 'site_remote';
const OF_CLIENT = ['extendedKeyUsage=clientAuth', 'basicConstraints=CA:FALSE'];
const told = (text: string): unknown => expect.stringContaining(text);

/** A server with TLS, where one role logs in with its certificate and another one with a password. */
async function startWithTls(
  server: Certified,
  clientCa: Certified,
): Promise<{ system: SystemServer; env: Environment }> {
  const system = await startSystemPostgres({
    settings: { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', ssl_ca_file: 'ca.crt' },
    hba: [`hostssl all ${ROLE} 127.0.0.1/32 cert`],
    files: { 'server.crt': server.cert, 'server.key': server.key, 'ca.crt': clientCa.cert },
  });
  await asAdmin(system, `create role ${ROLE} login`);
  const { port, pathname } = new URL(system.url);
  const url = `postgresql://${ROLE}@localhost:${port}${pathname}`;
  return { system, env: { POSTGRES_SYNC_URL: url, POSTGRES_SYNC_SSLMODE: 'verify-full' } };
}

type Environment = Record<string, string>;

async function asAdmin({ url }: SystemServer, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, ssl: { rejectUnauthorized: false } });
  await client.connect();
  await client.query(text);
  await client.end();
}

/** Files that settings name; written again to renew them. */
function openFiles(): { path: (name: string) => string; write: (files: Record<string, string>) => void } {
  const folder = mkdtempSync(join(tmpdir(), 'meter-sync-certificates-'));
  const path = (name: string): string => join(folder, name);
  return {
    path,
    write: (files) => Object.entries(files).forEach(([name, content]) => writeFileSync(path(name), content)),
  };
}

it.skipIf(NO_OTHER_VERSION)(
  'a certificate of the wrong purpose, or of an authority that is none, is a matter of credentials',
  async () => {
    const [ca, otherCa] = [certify({ name: 'authority' }), certify({ name: 'other authority' })];
    const extensions = ['basicConstraints=critical,CA:FALSE'];
    const noAuthority = certify({ name: 'no authority', by: otherCa, extensions });
    const forClients = ['subjectAltName=DNS:localhost', ...OF_CLIENT];
    const wrong = [
      { trusted: ca, server: certify({ name: 'localhost', by: ca, extensions: forClients }) },
      {
        trusted: otherCa,
        server: chain(certify({ name: 'localhost', by: noAuthority, extensions: OF_SERVER }), noAuthority),
      },
    ];
    const files = openFiles();
    const { system, env } = await startWithTls(certify({ name: 'localhost', by: ca, extensions: OF_SERVER }), ca);
    for (const { trusted, server } of wrong) {
      system.write('server.crt', server.cert);
      system.write('server.key', server.key);
      files.write({ 'ca.crt': trusted.cert });
      await asAdmin(system, 'select pg_reload_conf()');
      let failure: unknown;
      await until(
        async () => {
          failure = await connectAs({ ...env, POSTGRES_SYNC_SSLROOTCERT: files.path('ca.crt') });
          return /INVALID_(PURPOSE|CA)/.test(String(failure)); // which of the two is a matter of OpenSSL's version
        },
        { what: 'the server shows its new certificate', timeoutMs: 20_000 },
      );
      expect(failure).toMatchObject({ kind: 'credentials', message: told('TLS certificate is not accepted') });
      expect(failure).toMatchObject({ next: told('fix the server certificate') });
    }
  },
);

it.skipIf(NO_OTHER_VERSION)(
  'a client certificate and the authority of the server may be renewed on disk, and check agrees',
  async () => {
    const [oldCa, newCa] = [certify({ name: 'old' }), certify({ name: 'new' })];
    const [oldServer, newServer] = [oldCa, newCa].map((by) =>
      certify({ name: 'localhost', by, extensions: OF_SERVER }),
    );
    const [oldClient, newClient] = [oldCa, newCa].map((by) => certify({ name: ROLE, by, extensions: OF_CLIENT }));
    const files = openFiles();
    files.write({ 'ca.crt': oldCa.cert, 'client.crt': oldClient!.cert, 'client.key': oldClient!.key });
    const { system, env: place } = await startWithTls(oldServer!, oldCa);
    const env = {
      ...place,
      POSTGRES_SYNC_SSLROOTCERT: files.path('ca.crt'),
      POSTGRES_SYNC_SSLCERT: files.path('client.crt'),
      POSTGRES_SYNC_SSLKEY: files.path('client.key'),
    };
    const worker = openPoolAs(env);
    expect(await ask(worker)).toMatch(`${ROLE}@`);
    system.write('server.crt', newServer!.cert);
    system.write('server.key', newServer!.key);
    system.write('ca.crt', newCa.cert);
    await asAdmin(system, 'select pg_reload_conf()');
    await asAdmin(system, `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${ROLE}'`);
    files.write({ 'ca.crt': newCa.cert });
    await until(async () => /handshake|alert/.test(String(await ask(worker))), {
      what: 'the old client is refused',
      timeoutMs: 20_000,
    });
    expect(await ask(worker)).toMatchObject({ kind: 'credentials', next: told('Renew the client certificate') });
    files.write({ 'client.crt': newClient!.cert, 'client.key': newClient!.key });
    expect(await ask(worker)).toMatch(`${ROLE}@`);
    expect(await findingsOf(env)).not.toContainEqual(expect.objectContaining({ message: told('TLS') }));
    await worker.end();
  },
);

it.skipIf(NO_OTHER_VERSION)(
  'a client key that does not fit, and an authority that is not there, are told with the other settings',
  async () => {
    const ca = certify({ name: 'authority' });
    const [client, other] = [certify({ name: ROLE, by: ca }), certify({ name: ROLE, by: ca })];
    const files = openFiles();
    files.write({ 'client.crt': client.cert, 'client.key': client.key, 'ca.crt': ca.cert });
    const { env: place } = await startWithTls(certify({ name: 'localhost', by: ca, extensions: OF_SERVER }), ca);
    const env = {
      ...place,
      POSTGRES_SYNC_SSLROOTCERT: files.path('ca.crt'),
      POSTGRES_SYNC_SSLCERT: files.path('client.crt'),
      POSTGRES_SYNC_SSLKEY: files.path('client.key'),
    };
    const worker = openPoolAs(env);
    files.write({ 'client.key': other.key });
    expect(await ask(worker)).toMatchObject({ kind: 'credentials', message: told('SSLKEY') });
    expect(await findingsOf(env)).toContainEqual(
      expect.objectContaining({ area: 'settings', level: 'error', message: told('which does not fit SSLCERT') }),
    );
    await worker.end();
    const findings = await findingsOf({
      ...place,
      POSTGRES_SYNC_SSLROOTCERT: files.path('none.crt'),
      POSTGRES_SYNC_PORT: '0',
    });
    expect(findings).toContainEqual(expect.objectContaining({ area: 'settings', message: told('POSTGRES_SYNC_PORT') }));
    const absent = await findingsOf({ ...place, POSTGRES_SYNC_SSLROOTCERT: files.path('none.crt') });
    expect(absent).toContainEqual(
      expect.objectContaining({ area: 'settings', level: 'error', message: told('SSLROOTCERT') }),
    );
    expect(absent).toContainEqual(
      expect.objectContaining({ area: 'local database', message: told('which is not there') }),
    );
  },
);

it.skipIf(NO_OTHER_VERSION)('channel binding is used where it is required', async () => {
  const ca = certify({ name: 'authority' });
  const { system } = await startWithTls(certify({ name: 'localhost', by: ca, extensions: OF_SERVER }), ca);
  const { port } = new URL(system.url);
  await asAdmin(system, `create role bound login password 'right'`);
  const env = {
    POSTGRES_SYNC_URL: `postgresql://bound:right@localhost:${port}/postgres?sslmode=require&channel_binding=require`,
  };
  expect(await connectAs(env)).toBe(`bound@${port}`);
  expect(await connectAs({ ...env, POSTGRES_SYNC_PASSWORD: 'wrong' })).toMatchObject({ sqlstate: '28P01' });
});

it.skipIf(NO_OTHER_VERSION)('TLS that is asked of a server without it is named, with both ways out', async () => {
  const { url } = await startSystemPostgres();
  expect(await connectAs({ POSTGRES_SYNC_URL: url, POSTGRES_SYNC_SSLMODE: 'require' })).toMatchObject({
    kind: 'credentials',
    message: told('the server has no TLS, and SSLMODE asks for it'),
    next: told('ssl = on'),
  });
});

function chain(leaf: Certified, ca: Certified): Certified {
  return { cert: leaf.cert + ca.cert, key: leaf.key };
}

async function findingsOf(env: Environment): Promise<readonly unknown[]> {
  const nowhere = { POSTGRES_CLIENT_URL: 'postgresql://u:p@127.0.0.1:1/db', TEMPORAL_ADDRESS: '127.0.0.1:1' };
  const [inspected] = inspectSites({ env: { ...nowhere, ...env } }, true);
  return inspected === undefined ? [] : checkSite(inspected);
}

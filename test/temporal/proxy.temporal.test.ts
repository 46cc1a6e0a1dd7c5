import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { NativeConnection } from '@temporalio/worker';
import { afterEach, expect, inject, test, vi } from 'vitest';
import { Secret } from '../../src/config/define/secret.js';
import { connectTemporal, toTemporalAccess } from '../../src/temporal/connection.js';
import { BadTemporalSettings, Unreachable } from '../../src/temporal/errors.js';
import { wayTo } from '../../src/temporal/proxy.js';
import '../support/context.js';

const VARIABLES = ['grpc_proxy', 'https_proxy', 'http_proxy', 'no_proxy', 'no_grpc_proxy', 'HTTPS_PROXY', 'HTTP_PROXY'];
const NOBODY = 'http://127.0.0.1:9';

function setOnly(variables: Readonly<Record<string, string>>): void {
  for (const name of VARIABLES) vi.stubEnv(name, variables[name] ?? '');
}
afterEach(() => void vi.unstubAllEnvs());

const access = (address = inject('stack').temporalAddress): Secret<Record<string, string>> =>
  new Secret({ TEMPORAL_ADDRESS: address });

/** A proxy that knows one name: whoever asks for it is led to the Temporal server of the tests. */
async function openConnectProxy(): Promise<{ server: Server; url: string; asked: string[] }> {
  const asked: string[] = [];
  const [host, port] = inject('stack').temporalAddress.split(':');
  const server = createServer();
  server.on('connect', (request, client) => {
    asked.push(`${request.url ?? ''} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test.each(['https_proxy', 'http_proxy', 'grpc_proxy'])(
  'a Temporal on this machine is asked directly, whatever %s says',
  async (variable) => {
    setOnly({ [variable]: NOBODY });
    const temporal = await connectTemporal(access());
    expect((await temporal.client.workflowService.getSystemInfo({})).serverVersion).toBeTruthy();
    await temporal.close();
  },
);

test('commands and workers go through the proxy of grpc_proxy, with its password', async () => {
  const { server, url, asked } = await openConnectProxy();
  setOnly({ grpc_proxy: `http://anna:s%40cret@${url}`, https_proxy: NOBODY });
  const { port } = new URL(`http://${inject('stack').temporalAddress}`);
  const address = `temporal.example.invalid:${port}`;
  const temporal = await connectTemporal(access(address));
  await temporal.client.workflowService.getSystemInfo({});
  await temporal.close();
  const { connectionOptions, proxy } = toTemporalAccess(access(address));
  expect(proxy).toMatchObject({ targetHost: url, basicAuth: { username: 'anna', password: 's@cret' } });
  setOnly({ grpc_proxy: `http://${url}` });
  const { proxy: plain } = toTemporalAccess(access(address));
  const native = await NativeConnection.connect({ ...connectionOptions, ...(plain === null ? {} : { proxy: plain }) });
  await native.close();
  expect(new Set(asked.map((line) => line.split(' ')[0]))).toEqual(new Set([address]));
  expect(asked[0]).toContain(Buffer.from('anna:s@cret').toString('base64'));
  server.closeAllConnections();
  server.close();
});

test('a proxy that leads nowhere is named, with the way around it', async () => {
  setOnly({ grpc_proxy: NOBODY });
  const options = { connectTimeoutMs: 1_000 };
  const failed: unknown = await connectTemporal(access('temporal.example.invalid:7233'), options).catch(
    (e: unknown) => e,
  );
  expect(failed).toBeInstanceOf(Unreachable);
  expect((failed as Unreachable).message).toMatch(/127\.0\.0\.1:9 \(grpc_proxy\).*no_proxy=temporal\.example\.invalid/);
});

test('where a proxy for web pages is set and nobody answers, the error says that it is not used', async () => {
  setOnly({ https_proxy: NOBODY });
  const here = Object.values(networkInterfaces())
    .flat()
    .find((at) => at?.family === 'IPv4' && !at.internal)?.address;
  const options = { connectTimeoutMs: 1_000 };
  const failed: unknown = await connectTemporal(access(`${here ?? '192.0.2.1'}:1`), options).catch((e: unknown) => e);
  expect((failed as Unreachable).message).toMatch(/https_proxy is not used for Temporal.*grpc_proxy/);
});

test('a proxy is left out for what no_proxy names, and one that is no http URL is a problem of the settings', () => {
  const env = { grpc_proxy: NOBODY, no_proxy: '.example.com,10.1.0.0/16,192.0.2.7' };
  const isProxied = (address: string): boolean => wayTo(address, env).proxy !== null;
  expect(['temporal.example.com:7233', '10.1.2.3:7233', '192.0.2.7:7233', '[::1]:7233'].map(isProxied)).toEqual([
    false,
    false,
    false,
    false,
  ]);
  expect(['temporal.example.org:7233', '10.2.2.3:7233', '[2001:db8::1]:7233'].map(isProxied)).toEqual([
    true,
    true,
    true,
  ]);
  expect(wayTo('a.example.org:1', { ...env, no_grpc_proxy: '.org' }).proxy).toBeNull();
  expect(() => wayTo('a.example.org:1', { grpc_proxy: 'socks5://proxy:1080' })).toThrow(BadTemporalSettings);
});

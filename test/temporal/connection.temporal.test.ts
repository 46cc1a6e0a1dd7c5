import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { inject, expect, test } from 'vitest';
import { Secret } from '../../src/config/define/secret.js';
import { SEARCH_ATTRIBUTES } from '../../src/model/wire.js';
import { connectTemporal, toTemporalAccess } from '../../src/temporal/connection.js';
import { BadTemporalSettings, Refused, Unreachable } from '../../src/temporal/errors.js';
import { ensureSearchAttributes, readSearchAttributes } from '../../src/temporal/search-attributes.js';
import { siteHandle } from '../../src/temporal/site-handle.js';
import { startSite } from '../../src/temporal/start-site.js';
import { until } from '../support/wait.js';

const access = (changes: Record<string, string> = {}): Secret<Record<string, string>> =>
  new Secret({ TEMPORAL_ADDRESS: inject('stack').temporalAddress, ...changes });

test('a server that is not there, or that does not answer, is told within seconds, with its address', async () => {
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  for (const address of ['127.0.0.1:1', `127.0.0.1:${port}`]) {
    const startedAt = Date.now();
    const options = { connectTimeoutMs: 1_000 };
    const failed: unknown = await connectTemporal(access({ TEMPORAL_ADDRESS: address }), options).catch(
      (e: unknown) => e,
    );
    expect(failed).toBeInstanceOf(Unreachable);
    expect((failed as Unreachable).message).toContain(address);
    expect(Date.now() - startedAt).toBeLessThan(3_000);
  }
  silent.close();
});

test('a namespace that is not there is told as such', async () => {
  const temporal = await connectTemporal(access({ TEMPORAL_NAMESPACE: 'nowhere' }));
  await expect(siteHandle(temporal, 'a').status()).rejects.toThrow(/namespace nowhere/);
  await expect(siteHandle(temporal, 'a').stop()).rejects.toBeInstanceOf(Refused);
  await temporal.close();
});

test('a profile that is not there is a problem of the settings', () => {
  expect(() => toTemporalAccess(access({ TEMPORAL_PROFILE: 'nobody' }))).toThrow(BadTemporalSettings);
});

test('an API key turns TLS on', () => {
  expect(toTemporalAccess(access({ TEMPORAL_API_KEY: 'key' })).connectionOptions).toMatchObject({ tls: true });
});

const ALL = Object.keys(SEARCH_ATTRIBUTES).length;

test('two programs register the missing search attributes at once, and a site starts with them', async () => {
  const namespace = `t-${randomBytes(4).toString('hex')}`;
  const temporal = await connectTemporal(access({ TEMPORAL_NAMESPACE: namespace }));
  const { connection, workflowService } = temporal.client;
  const day = 86_400;
  await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: { seconds: day as never } });
  await until(async () => (await readSearchAttributes(connection, namespace)).missing.length === ALL, {
    what: namespace,
  });
  const registered = await Promise.all([
    ensureSearchAttributes(connection, namespace),
    ensureSearchAttributes(connection, namespace),
  ]);
  expect(new Set(registered.flatMap((taken) => taken.registered)).size).toBe(ALL);
  const afterwards = await ensureSearchAttributes(connection, namespace);
  expect(afterwards).toMatchObject({ registered: [], problem: null, present: { length: ALL } });
  const site = { siteId: 'a', taskQueue: 'a', intervalMs: 60_000, batchRows: 1 };
  await until(() => startSite(temporal, site), { what: 'the start in a new namespace' });
  await temporal.client.workflow.getHandle('meter-sync:a').terminate();
  await temporal.close();
});

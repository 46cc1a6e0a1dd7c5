import { randomBytes } from 'node:crypto';
import { expect, inject, test, type TestContext } from 'vitest';
import { Secret } from '../../src/config/define/secret.js';
import type { Status } from '../../src/model/status.js';
import { connectTemporal, type TemporalClient } from '../../src/temporal/connection.js';
import { ensureSearchAttributes, readSearchAttributes } from '../../src/temporal/search-attributes.js';
import { siteHandle } from '../../src/temporal/site-handle.js';
import { startSite } from '../../src/temporal/start-site.js';
import { connectToTemporal } from '../../src/worker/connect-temporal.js';
import type { WorkerLogger } from '../../src/worker/logger.js';
import { connectTemporal as connectTest } from '../support/temporal.js';
import { until } from '../support/wait.js';
import { FakeActivities } from '../workflows/fake-activities.js';

const KEYWORD = 2;
/** A server on SQL has so many columns for attributes of this type in a namespace. */
const KEYWORDS_OF_NAMESPACE = 10;

/** A namespace of a company whose other teams have taken so many attributes already. */
async function openNamespace(taken: number): Promise<TemporalClient> {
  const namespace = `t-${randomBytes(4).toString('hex')}`;
  const settings = { TEMPORAL_ADDRESS: inject('stack').temporalAddress, TEMPORAL_NAMESPACE: namespace };
  const temporal = await connectTemporal(new Secret(settings));
  const { workflowService, operatorService } = temporal.client.connection;
  const day = { seconds: 86_400 as never };
  await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: day });
  const names = Array.from({ length: taken }, (_, team) => `Team${team}`);
  const searchAttributes = Object.fromEntries(names.map((name) => [name, KEYWORD]));
  const add = (): Promise<unknown> => operatorService.addSearchAttributes({ namespace, searchAttributes });
  await until(async () => (await add(), true), { what: `the attributes of other teams in ${namespace}` });
  return temporal;
}

test.each([0, 2])('a site moves its readings in a namespace with room for %i keywords', async (room) => {
  const context = { task: { name: `room for ${room}` } } as TestContext;
  const { startWorker, siteId, taskQueue } = await connectTest(context);
  const temporal = await openNamespace(KEYWORDS_OF_NAMESPACE - room);
  const { connection } = temporal.client;
  await startWorker({ namespace: temporal.namespace, activities: { ...new FakeActivities() } });
  const site = { siteId, taskQueue, intervalMs: 100, batchRows: 1 };
  await until(() => startSite(temporal, site), { what: 'the start in a new namespace' });
  const handle = siteHandle(temporal, siteId);
  const afterThree = async (): Promise<Status | null> => {
    const status = await handle.status();
    return status.cycles >= 3 ? status : null;
  };
  expect(await until(afterThree, { what: 'three cycles' })).toMatchObject({ lastSyncSuccess: true });
  const { present, problem } = await readSearchAttributes(connection, temporal.namespace);
  expect(present).toHaveLength(room + 1); // there is room for the one of another type
  expect(present).toContain('MeterSyncOldest');
  expect(problem?.message).toMatch(/The sync works without them/);
  const { client } = temporal;
  const { events } = await client.workflow.getHandle(handle.workflowId).fetchHistory();
  expect(events?.filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
  await handle.configure({ intervalMs: 3_600_000 }); // a stop would end a cycle that it meets
  await until(async () => (await handle.status()).state === 'idle', { what: 'the end of the last cycle' });
  await handle.stop();
  const final: Status = await handle.result(20_000);
  expect(final).toMatchObject({ state: 'stopped', lastSyncSuccess: true });
  await temporal.close();
});

test('a worker starts in a namespace that has no room, and warns with the limit and what an administrator can do', async () => {
  const temporal = await openNamespace(KEYWORDS_OF_NAMESPACE - 1);
  const lines: { level: string; message: string; facts: unknown }[] = [];
  const note =
    (level: string) =>
    (message: string, facts?: unknown): void =>
      void lines.push({ level, message, facts });
  const logger = { info: note('info'), warn: note('warn'), hide: () => undefined } as unknown as WorkerLogger;
  const { address, namespace } = temporal;
  const settings = { temporal: new Secret({ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace }) };
  const { connection } = await connectToTemporal(settings, logger, new AbortController().signal);
  const warned = lines.filter(({ level }) => level === 'warn');
  expect(warned).toMatchObject([
    { message: 'search attributes are missing', facts: { next: expect.anything() as unknown } },
  ]);
  expect(JSON.stringify(warned)).toMatch(/cannot have more than 10.*temporal operator search-attribute create/);
  await connection.close();
  await temporal.close();
});

test('an attribute of ours that is there with another type is left alone and told', async () => {
  const temporal = await openNamespace(1);
  const { connection, workflow } = temporal.client;
  const { namespace } = temporal;
  const text = 1;
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: { MeterSyncLag: text } });
  const { present, problem } = await ensureSearchAttributes(connection, namespace);
  expect(present).toEqual(['MeterSyncSite', 'MeterSyncState', 'MeterSyncHealth', 'MeterSyncOldest']);
  expect(problem?.message).toMatch(/MeterSyncLag; they are there with another type/);
  const site = { siteId: 'a', taskQueue: 'a', intervalMs: 60_000, batchRows: 1 };
  await until(() => startSite(temporal, site), { what: 'the start' });
  await workflow.getHandle('meter-sync:a').terminate();
  await temporal.close();
});

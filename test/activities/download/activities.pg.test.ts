import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it, type TestContext } from 'vitest';
import type { ActivityDependencies } from '../../../activities/dependencies.js';
import { downloadMeters } from '../../../activities/download-meters.js';
import { downloadTenants } from '../../../activities/download-tenants.js';
import type { DownloadResult } from '../../../src/model/operations.js';
import { createDatabases, type TestDatabases } from '../../support/postgres.js';

it('meters and tenants are downloaded each into its own table', async (context) => {
  const { local, remote, dependencies } = await openSample(context);
  await remote.sql(
    `insert into tenant (id, name) values (7, 'Forrestal'); insert into meter (id, name, tenant_id) values (1, 'main', 7)`,
  );
  const environment = new MockActivityEnvironment();
  const tenants = (await environment.run(downloadTenants(dependencies), { siteId: 'site-1' })) as DownloadResult;
  const meters = (await environment.run(downloadMeters(dependencies), { siteId: 'site-1' })) as DownloadResult;
  expect([tenants.newRows, meters.newRows]).toEqual([
    [{ key: ['7'], name: 'Forrestal' }],
    [{ key: ['1'], name: 'main' }],
  ]);
  expect(await local.value('select tenant_id from meter')).toBe('7');
});

it('a table that is not there ends the attempt with a failure that is not tried again', async (context) => {
  const { remote, dependencies } = await openSample(context);
  await remote.sql('drop table meter cascade');
  const failure: unknown = await new MockActivityEnvironment()
    .run(downloadMeters(dependencies), { siteId: 'site-1' })
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({
    type: 'schema',
    nonRetryable: true,
    details: [
      { kind: 'schema', side: 'remote', table: 'meter', next: expect.stringContaining('meter-sync check') as string },
      { askedAt: expect.any(String) as string, endedAt: expect.any(String) as string }, // the loop's clock follows it
    ],
  });
});

async function openSample(context: TestContext): Promise<TestDatabases & { dependencies: ActivityDependencies }> {
  const databases = await createDatabases(context, 'ready');
  const owned = (name: string): { table: { schema: null; name: string }; key: string[]; filter: null } => ({
    table: { schema: null, name },
    key: ['id'],
    filter: null,
  });
  const readings = { table: { schema: null, name: 'meter_readings' }, key: ['id'], order: 'created_at', flag: null };
  const tables = { readings, meters: owned('meter'), tenants: owned('tenant') };
  const dependencies = { site: () => ({ ...databases, tables }), drain: new AbortController().signal };
  return { ...databases, dependencies };
}

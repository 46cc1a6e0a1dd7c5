import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { probe } from '../../activities/probe.js';
import type { ProbeResult } from '../../src/model/operations.js';
import type { SiteTables } from '../../src/model/table.js';
import { createPool } from '../../src/postgres/pool.js';
import type { Database } from '../../src/postgres/session.js';
import { createDatabases, type TestDatabase } from '../support/postgres.js';

const TABLES: SiteTables = {
  readings: { table: table('meter_readings'), key: ['id'], order: 'created_at', flag: 'is_synchronized' },
  meters: { table: table('meter'), key: ['id'], filter: null },
  tenants: { table: table('tenant'), key: ['id'], filter: null },
};

it('tells what is queued and how many meters and tenants each end has', async (context) => {
  const { local, remote } = await createDatabases(context);
  await fill(local, 2);
  await fill(remote, 5);
  await local.sql(
    `insert into meter_readings (meter_id, created_at) select 1, '2026-01-01 00:00:01+00'::timestamptz + n * interval '1 s' from generate_series(0, 6) n`,
  );
  const result = await runProbe(local, remote);
  expect(result).toMatchObject({
    localDbConnected: true,
    remoteDbConnected: true,
    queueSize: 7,
    oldestUnsynced: '2026-01-01T00:00:01.000000Z',
    localMeterCount: 2,
    remoteMeterCount: 5,
    localTenantCount: 1,
    remoteTenantCount: 1,
  });
  expect(Date.parse(result.observedAt)).not.toBeNaN();
});

it("counts the rows of the site's tenant alone", async (context) => {
  const { local, remote } = await createDatabases(context);
  await fill(remote, 5);
  const tenant = (await remote.value('select id from tenant')) as string;
  await remote.sql('alter table meter add region text');
  await remote.sql(`update meter set region = 'it''s' where id <= 2`);
  const filtered = { ...TABLES.meters, filter: { column: 'region', values: ["it's"] } };
  const tenants = { ...TABLES.tenants, filter: { column: 'id', values: [tenant] } };
  const result = await runProbe(local, remote, { ...TABLES, meters: filtered, tenants });
  expect(result).toMatchObject({ localMeterCount: null, remoteMeterCount: 2, remoteTenantCount: 1 });
});

it('a database that does not answer is told as such, and what the other one says is told all the same', async (context) => {
  const { local, remote } = await createDatabases(context);
  const pool = createPool({ ...remote.settings, port: 1 }, () => undefined);
  const result = await runProbe(local, { side: 'remote', pool });
  await pool.end();
  expect(result).toMatchObject({ localDbConnected: true, queueSize: 0, oldestUnsynced: null, localMeterCount: 0 });
  expect(result).toMatchObject({ remoteDbConnected: false, remoteMeterCount: null, remoteTenantCount: null });
});

it('a figure that cannot be had is null and costs no other figure', async (context) => {
  const { local, remote } = await createDatabases(context);
  await local.sql('drop table meter_readings');
  await remote.sql('drop table tenant cascade');
  expect(await runProbe(local, remote)).toMatchObject({
    localDbConnected: true,
    remoteDbConnected: true,
    queueSize: null,
    oldestUnsynced: null,
    localMeterCount: 0,
    remoteMeterCount: 0,
    remoteTenantCount: null,
  });
});

it('a probe that is cancelled ends', async (context) => {
  const { local, remote } = await createDatabases(context);
  const environment = new MockActivityEnvironment();
  environment.cancel('NOT_FOUND');
  await expect(runProbe(local, remote, TABLES, environment)).rejects.toThrow();
});

function runProbe(
  local: Database,
  remote: Database,
  tables = TABLES,
  environment = new MockActivityEnvironment(),
): Promise<ProbeResult> {
  const site = { local, remote, tables };
  const drain = new AbortController().signal;
  return environment.run(probe({ site: () => site, drain }), { siteId: 'test' }) as Promise<ProbeResult>;
}

function table(name: string): { schema: null; name: string } {
  return { schema: null, name };
}

async function fill({ sql }: TestDatabase, meters: number): Promise<void> {
  await sql(`insert into tenant (id, name) values (1, 'Tenant')`);
  await sql(`insert into meter (id, tenant_id, name) select n, 1, 'Meter ' || n from generate_series(1, ${meters}) n`);
}

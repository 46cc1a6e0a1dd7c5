import { type Database, execute } from '../../postgres/session.js';
import type { Statement } from '../../postgres/statement.js';
import { withTransaction } from '../../postgres/transaction.js';
import { SAMPLE_TENANTS, type SampleMeter, type SampleTenant } from './meters.js';

/** Gives the customer's database the sample's tenants and these meters. Safe to repeat: what is there stays as it is. */
export function loadMeters(remote: Database, meters: readonly SampleMeter[]): Promise<void> {
  return withTransaction(remote, { isolation: 'read committed' }, async (session) => {
    await execute(session, insertTenants(SAMPLE_TENANTS));
    await execute(session, insertMeters(meters));
  });
}

function insertTenants(tenants: readonly SampleTenant[]): Statement {
  return {
    text: `
      insert into tenant (id, name, building)
      select id, name, building
      from jsonb_to_recordset($1::jsonb) as tenant (id bigint, name text, building text)
      on conflict (id) do nothing`,
    values: [JSON.stringify(tenants)],
  };
}

function insertMeters(meters: readonly SampleMeter[]): Statement {
  return {
    text: `
      insert into meter (id, name, tenant_id, location, channels)
      select id, name, "tenantId", location, channels
      from jsonb_to_recordset($1::jsonb) as meter (id bigint, name text, "tenantId" bigint, location text, channels text[])
      on conflict (id) do nothing`,
    values: [JSON.stringify(meters)],
  };
}

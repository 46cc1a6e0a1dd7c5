import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { createPool } from '../../../src/postgres/pool.js';
import type { TestDatabase } from '../../support/postgres.js';

/** What `docs/operations.md` asks for, at each end. */
const GRANTS = {
  local: ['select, delete on meter_readings', 'select, insert, update, delete on all tables in schema meter_sync'],
  remote: ['select, insert on meter_readings', 'select, insert on all tables in schema meter_sync'],
} as const;

/** The same database as a role sees it that may do what an upload needs, and nothing else. */
export async function withLeastRights(
  admin: TestDatabase,
  { connectionLimit = -1 }: { readonly connectionLimit?: number } = {},
): Promise<TestDatabase & { readonly role: string }> {
  const role = `least_${randomBytes(4).toString('hex')}`;
  const here = (await admin.value('select quote_ident(current_database())'))!;
  await admin.sql(`
    create role ${role} login password 'a' connection limit ${connectionLimit};
    grant temporary on database ${here} to ${role};
    grant usage on schema meter_sync to ${role};
    ${GRANTS[admin.side].map((right) => `grant ${right} to ${role};`).join('\n')}`);
  const pool = createPool({ ...admin.settings, user: role, password: () => 'a' }, () => undefined);
  onTestFinished(async () => {
    await pool.end();
    await admin.sql(`drop owned by ${role}; drop role ${role}`);
  });
  return { ...admin, pool, role };
}

import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { createPool } from '../../../src/postgres/pool.js';
import type { TestDatabase } from '../../support/postgres.js';
import { WORKER } from '../../support/rights.js';

/** The same database as a role of the test's own sees it, with the rights of the worker's and so many connections. */
export async function withConnectionLimit(
  database: TestDatabase,
  limit: number,
): Promise<TestDatabase & { readonly role: string }> {
  const role = `limited_${randomBytes(4).toString('hex')}`;
  await database.sql(`create role ${role} login password 'a' connection limit ${limit} in role ${WORKER}`);
  const pool = createPool({ ...database.settings, user: role, password: () => 'a' }, () => undefined);
  onTestFinished(async () => {
    await pool.end();
    await database.sql(`drop role ${role}`);
  });
  return { ...database, pool, role };
}

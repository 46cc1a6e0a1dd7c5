import { expect, it } from 'vitest';
import { isolateCulprits } from '../../src/postgres/isolate-culprits.js';
import { execute } from '../../src/postgres/session.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { createDatabases, type TestDatabase } from '../support/postgres.js';

const ITEMS = Array.from({ length: 100 }, (_, at) => at + 1);

async function insert(
  database: TestDatabase,
  limit?: number,
): Promise<{ readonly rows: number; readonly culprits: number[]; readonly attempts: number }> {
  await database.sql('create table t (i int check (i not in (3, 50, 51)))');
  let attempts = 0;
  const { results, culprits } = await withTransaction(database, { isolation: 'read committed' }, (session) =>
    isolateCulprits(
      session,
      ITEMS,
      (part) => {
        attempts += 1;
        return execute(session, { text: 'insert into t select unnest($1::int[])', values: [part] });
      },
      limit === undefined ? {} : { limit },
    ),
  );
  return { rows: results.reduce((sum, rows) => sum + rows, 0), culprits: culprits.map(({ item }) => item), attempts };
}

it('finds each refused item in a few attempts, in their order, and applies all others', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const { attempts, ...found } = await insert(local);
  expect(found).toEqual({ rows: 97, culprits: [3, 50, 51] });
  expect(await local.value('select count(*) from t')).toBe('97');
  expect(attempts).toBeLessThan(2 * 3 * Math.ceil(Math.log2(100)));
});

it('ends with the first culprit beyond the limit', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  expect(await insert(local, 1)).toMatchObject({ culprits: [3, 50] });
});

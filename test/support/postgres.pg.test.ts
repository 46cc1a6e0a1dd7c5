import { expect, test } from 'vitest';

import { createDatabases, type TestDatabase } from './postgres.js';
import { WORKER } from './rights.js';

test('a test has two databases of its own, with the sample tables and our schema', async (context) => {
  const { local, remote } = await createDatabases(context);

  await local.sql('insert into meter_readings (meter_id) values (1)');

  expect(await local.value('select count(*) from meter_readings where is_synchronized is not true')).toBe('1');
  expect(await remote.value('select count(*) from meter_readings')).toBe('0');
  expect(await remote.value(`select count(*) from pg_namespace where nspname = 'meter_sync'`)).toBe('1');
  expect(await local.value('select current_database()')).toMatch(/^t_a_test_has_two_databases_of_its_own/);
});

test('the wide template has 120 columns at the site and one less at the customer', async (context) => {
  const { local, remote } = await createDatabases(context, 'wide');
  const count = `select count(*) from information_schema.columns where table_name = 'meter_readings'`;

  expect(await local.value(count)).toBe('120');
  expect(await remote.value(count)).toBe('119');
});

test('databases of a test that has passed are gone', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const left = await local.value(`select count(*) from pg_database where datname like 't_the_wide_template%'`);

  expect(left).toBe('0');
});

test('what is tested connects as a role that owns nothing', async (context) => {
  for (const database of Object.values(await createDatabases(context))) {
    const { rows } = await (database as TestDatabase).pool.query<{ role: string; super: string }>(
      `select rolname as role, rolsuper::text as super from pg_roles where rolname = current_user`,
    );
    expect(rows).toEqual([{ role: WORKER, super: 'false' }]);
    await expect((database as TestDatabase).pool.query('drop table meter_readings')).rejects.toMatchObject({
      code: '42501',
    });
  }
});

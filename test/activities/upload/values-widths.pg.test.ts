import { expect, it } from 'vitest';
import { openSite } from './site-under-test.js';

const FIXED_WIDTHS = `
  select a.oid::regtype::text as local, b.oid::regtype::text as remote
  from pg_type a
  join pg_type b on b.typlen = a.typlen and b.oid <> a.oid
  where a.typlen > 0
    and array[a.typtype, b.typtype]::text[] = '{b,b}'
    and array[a.typnamespace, b.typnamespace]::oid[] = array['pg_catalog'::regnamespace, 'pg_catalog'::regnamespace]::oid[]
  order by 1, 2`;

it('every two types of one width are kept apart: binary COPY would take the bytes of one for the other', async (context) => {
  const site = await openSite(context);
  const pairs = await site.local.sql<{ local: string; remote: string }>(FIXED_WIDTHS);
  expect(pairs.length).toBeGreaterThan(250);
  expect(pairs).toContainEqual({ local: 'double precision', remote: 'bigint' });
  for (const side of ['local', 'remote'] as const) {
    const columns = pairs.map((pair, at) => `add c${String(at).padStart(3, '0')}_ ${pair[side]}`);
    await site[side].sql(`alter table meter_readings ${columns.join(', ')}`);
  }
  await site.queueReadings(1, 5);
  const failure = (await site.upload().catch((error: unknown) => error)) as Error;
  expect(failure).toMatchObject({ kind: 'schema' });
  const passed = pairs.filter((_, at) => !failure.message.includes(`column c${String(at).padStart(3, '0')}_ is `));
  expect(passed).toEqual([]);
  expect([await site.count(site.local), await site.count(site.remote)]).toEqual([5, 0]);
});

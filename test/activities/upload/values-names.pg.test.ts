import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { createDatabases } from '../../support/postgres.js';
import { UPLOADED } from '../../support/rights.js';
import { toSite } from './site-under-test.js';

const AWKWARD = [
  'select',
  'Order',
  'a b',
  'quo"te',
  "it's",
  'user',
  '$1',
  'a.b',
  'é😀',
  '-- x',
  'null',
  '"',
  'r',
  's',
  'c',
];
const name = fc
  .oneof(fc.constantFrom(...AWKWARD), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }))
  .map((text) => text.replaceAll('\0', '') || 'x')
  .filter((text) => Buffer.byteLength(text) <= 60); // prettier-ignore

it('tables and columns of any name move: upper case, quotes, blanks, reserved words', async (context) => {
  const databases = await createDatabases(context, 'bookkeeping', UPLOADED);
  const columns = fc.uniqueArray(name, { minLength: 6, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(name, name, columns, async (schema, table, names) => {
      const [key, second, order, flag] = names as [string, string, string, string];
      const ref = { schema: `s${schema}`, name: table };
      const at = relation(ref);
      const [k, k2, o, f, v, n] = names.map(ident) as [string, string, string, string, string, string];
      const shape = `${k} bigint, ${k2} text, ${o} timestamptz, ${v} text, primary key (${k}, ${k2})`;
      for (const database of [databases.local, databases.remote]) {
        await database.sql(`drop schema if exists ${ident(ref.schema)} cascade; create schema ${ident(ref.schema)}`);
      }
      await databases.local.sql(`create table ${at} (${shape}, ${n} varchar(9), ${f} boolean)`);
      await databases.remote.sql(`create table ${at} (${shape}, ${n} varchar(5))`);
      const site = toSite(databases, { table: ref, key: [key, second], order, flag });
      const fill = `insert into ${at} (${k}, ${k2}, ${o}, ${v}, ${n}) select i, 'k' || i, '2026-01-01', 'v' || i, 'n' from generate_series(1, 7) as i`;
      for (const expected of [{ inserted: 7 }, { inserted: 0, alreadyThere: 7 }]) {
        await site.local.sql(fill);
        expect(await site.upload({ batchRows: 3 })).toMatchObject({ ...expected, removed: 7 });
      }
      expect(await site.remote.value(`select string_agg(${v} || ${n}, ',' order by ${k}) from ${at}`)).toBe(
        'v1n,v2n,v3n,v4n,v5n,v6n,v7n',
      );
    }),
    { numRuns: 25 },
  );
});

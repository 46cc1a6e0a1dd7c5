import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createLatin1Database } from '../../support/postgres.js';
import { METERS, openSite } from './site-under-test.js';

/** Lists of real meters, points and buildings, where they are present; their origin is told in the folder's NOTES.md. */
const LISTS = fileURLToPath(new URL('../../../../shared/data/points-metadata.tar.gz', import.meta.url));

it.for([
  { list: 'ibm_b3_points.csv', separator: ';', rows: 2_000 },
  { list: 'ebu3b_points.csv', separator: ',', rows: 4_000 },
  { list: 'ut_building_metadata_facilities.csv', separator: ',', rows: 500 },
])('the rows of $list arrive as they are, quirks included', async ({ list, separator, rows: atLeast }, context) => {
  if (!existsSync(LISTS)) return context.skip('the lists are not here');
  const records = parseCsv(readList(list), separator);
  const width = Math.max(...records.map((record) => record.length));
  const columns = Array.from({ length: width }, (_, at) => `c${at}`);
  const table = (type: string): string =>
    `create table meter (line int, ${columns.map((name) => `${name} ${type}`).join(', ')}, primary key (line, c0))`;
  const site = await openSite(
    context,
    { local: table('varchar(2000)'), remote: table('text') },
    { ...METERS, key: ['line', 'c0'] },
  );
  const values = columns.map((_, at) => records.map((record) => record[at] ?? ''));
  const places = columns.map((_, at) => `$${at + 1}::text[]`).join(', ');
  await site.remote.sql(
    `insert into meter select n, ${columns.join(', ')} from unnest(${places}) with ordinality as t(${columns.join(', ')}, n)`,
    values,
  );
  expect(await site.download()).toMatchObject({ inserted: records.length, refused: 0 });
  expect(records.length).toBeGreaterThan(atLeast);
  expect(await site.rows('local')).toEqual(await site.rows('remote'));
  await site.remote.sql(`update meter set c1 = c1 || ' ' where line % 100 = 7`);
  const wanted = await site.remote.value(`select count(*) from meter where line % 100 = 7`);
  expect(await site.download()).toMatchObject({ inserted: 0, updated: Number(wanted), deactivated: 0 });
  expect(await site.download()).toMatchObject({ updated: 0 });
});

it('a remote in another encoding is equal when its texts are', async (context) => {
  const site = await openSite(context, 'create table meter (id text primary key, name text)');
  const remote = await createLatin1Database('remote', context);
  await remote.sql(`create table meter (id varchar(20) primary key, name text)`);
  await remote.sql(`insert into meter values ('Ø1', 'Größe'), ('2', 'plain'), ('é', null)`);
  await site.local.sql(`insert into meter values ('Ø1', 'Größe')`);
  const download = (): ReturnType<typeof site.download> => site.download({}, false, { remote });
  expect(await download()).toMatchObject({ inserted: 2, updated: 0 });
  expect(await download()).toMatchObject({ inserted: 0, updated: 0 });
  await remote.sql(`update meter set name = 'größer' where id = 'Ø1'`);
  expect(await download()).toMatchObject({ updated: 1, changedRows: [{ key: ['Ø1'], name: 'größer' }] });
});

function readList(list: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'meter-lists-'));
  try {
    const { status } = spawnSync('tar', ['-xzf', LISTS, '-C', folder]);
    expect(status).toBe(0);
    const { stdout } = spawnSync('find', [folder, '-name', list], { encoding: 'utf8' });
    return readFileSync(stdout.trim(), 'utf8');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The records after the header; quotes keep separators and line ends in. */
function parseCsv(text: string, separator: string): string[][] {
  const field = new RegExp(`(?:"((?:[^"]|"")*)"|([^${separator}\\r\\n]*))(${separator}|\\r?\\n|$)`, 'y');
  const records: string[][] = [];
  let record: string[] = [];
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (match === null) throw new Error('a list that is no CSV');
    record.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === separator) continue;
    records.push(record);
    record = [];
  }
  return records.slice(1);
}

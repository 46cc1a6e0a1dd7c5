import type { OwnedTable } from '../../../src/model/table.js';
import { ident, idents, literal } from '../../../src/postgres/identifier.js';
import type { TestDatabase, TestDatabases } from '../../support/postgres.js';
import type { PairColumn, PairRow, TablePair } from './table-pairs.js';

/** Texts of a row by column. */
export type Texts = Readonly<Record<string, string | null>>;

export const PAIR_TABLE: OwnedTable['table'] = { schema: null, name: 'pair' };

/** Forms that both ends print alike, for the oracle. */
const IN_ONE_FORM = `set timezone = 'UTC'; set datestyle = ISO; set intervalstyle = postgres; set extra_float_digits = 3; set bytea_output = hex`;

/** Makes the tables of a pair, and at the site an empty copy of its table for the oracle. */
export async function createPair({ local, remote }: TestDatabases, pair: TablePair): Promise<void> {
  await local.sql(
    `${IN_ONE_FORM}; drop table if exists pair, expected; truncate meter_sync.download_table, meter_sync.download_row;
     create table pair (${definition(pair, 'local')}); create table expected (like pair including all)`,
  );
  await remote.sql(`${IN_ONE_FORM}; drop table if exists pair; create table pair (${definition(pair, 'remote')})`);
}

/** Replaces all rows of a table; those whose key the type reads as another one's are left out. */
export async function fillTable(
  database: TestDatabase,
  pair: TablePair,
  table: string,
  rows: readonly PairRow[],
): Promise<void> {
  const names = [...pair.key, ...pair.columns].map(({ name }) => name);
  const inserts = rows.map((row) => insertRow(table, names, row));
  await database.sql([IN_ONE_FORM, `delete from ${table}`, ...inserts].join('; '));
}

/** All rows by their key. */
export async function readTable(database: TestDatabase, pair: TablePair, table: string): Promise<Map<string, Texts>> {
  const key = pair.key.map(({ name }) => `${ident(name)}::text`).join(', ');
  const active = pair.hasActive && database.side === 'local' && table === 'pair' ? ['active::text as active'] : [];
  const columns = [...pair.columns.map(byValue), ...active];
  const texts = columns.join(', ');
  const rows = await database.sql<Texts & { the_key: string }>(
    `${IN_ONE_FORM}; select ${texts}, array_to_json(array[${key}])::text as the_key from ${table}`,
  );
  return new Map(rows.map(({ the_key: name, ...row }) => [name, row as Texts]));
}

/** What the remote has, in the words of the local types: PostgreSQL reads there what it has printed here. */
export async function readExpected({ local, remote }: TestDatabases, pair: TablePair): Promise<Map<string, Texts>> {
  const names = [...pair.key, ...pair.columns].map(({ name }) => name);
  const texts = await remote.sql<Record<string, string | null>>(
    `${IN_ONE_FORM}; select ${names.map((name, at) => `${ident(name)}::text as c${at}`).join(', ')} from pair`,
  );
  await fillTable(
    local,
    pair,
    'expected',
    texts.map((row) => names.map((_, at) => row[`c${at}`] ?? null)),
  );
  return readTable(local, pair, 'expected');
}

/** Edits a local row by its key; null deletes it. */
export async function editRow(
  local: TestDatabase,
  pair: TablePair,
  key: readonly string[],
  values: PairRow | null,
): Promise<void> {
  const where = pair.key.map(({ name }, at) => `${ident(name)}::text = ${literal(key[at] ?? '')}`).join(' and ');
  const set = pair.columns.map(({ name }, at) => `${ident(name)} = ${toLiteral(values?.[at] ?? null)}`).join(', ');
  await local.sql(`${IN_ONE_FORM}; ${values === null ? 'delete from pair' : `update pair set ${set}`} where ${where}`);
}

/** Numbers of two types are equal without regard to their scale, and json of two types to its spelling. */
function byValue({ name, local, remote }: PairColumn): string {
  const isOne = local === remote;
  const isNumber = [local, remote].every((type) => /^(numeric|smallint|integer|bigint)/.test(type));
  const isJson = [local, remote].every((type) => type.startsWith('json'));
  const value = ident(name);
  const form = isOne ? value : isNumber ? `trim_scale(${value}::numeric)` : isJson ? `${value}::jsonb` : value;
  return `${form}::text as ${value}`;
}

function definition({ key, columns, hasActive }: TablePair, side: 'local' | 'remote'): string {
  const all = [...key, ...columns].map((column) => `${ident(column.name)} ${column[side]}`);
  const active = hasActive && side === 'local' ? ['active boolean default true'] : [];
  return [...all, ...active, `primary key (${idents(key.map(({ name }) => name))})`].join(', ');
}

function insertRow(table: string, names: readonly string[], row: PairRow): string {
  return `insert into ${table} (${idents(names)}) values (${row.map(toLiteral).join(', ')}) on conflict do nothing`;
}

function toLiteral(text: string | null): string {
  return text === null ? 'null' : literal(text);
}

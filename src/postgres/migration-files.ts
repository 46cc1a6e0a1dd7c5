import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ident, literal } from './identifier.js';
import type { Statement } from './statement.js';

/** A folder of numbered SQL files (`001_name.sql`), applied in the order of their names, and the schema they fill. */
export interface Migrations {
  readonly schema: string;
  readonly folder: string;
}

/** The table inside the schema that names the migrations that were applied. */
export const MIGRATIONS_TABLE = 'migrations';

/** One migration: its name as the bookkeeping has it, and its SQL. */
export interface MigrationFile {
  readonly name: string;
  readonly sql: string;
}

/** The migrations of a folder. A handful of small files, read once by `init` and `check`: no need to read them asynchronously. */
export function loadMigrationFiles({ folder }: Migrations): readonly MigrationFile[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({ name: basename(file, '.sql'), sql: readFileSync(join(folder, file), 'utf8').trim() }));
}

/** Two processes that migrate one schema take turns; a lock of the transaction works behind a transaction-mode pooler too. */
export function lockMigrations({ schema }: Migrations): Statement {
  return { text: `select pg_advisory_xact_lock(hashtextextended('migrations of ' || $1::text, 0))`, values: [schema] };
}

export function createSchema({ schema }: Migrations): Statement {
  return { text: `create schema if not exists ${ident(schema)}`, values: [] };
}

/** The table exactly as node-pg-migrate makes it: it hides the SQLSTATE when it may not, so we make it beforehand. */
export function createMigrationsTable({ schema }: Migrations): Statement {
  return {
    text: `create table if not exists ${ident(schema)}.${ident(MIGRATIONS_TABLE)} (
  id serial primary key,
  name varchar(255) not null,
  run_on timestamp not null
)`,
    values: [],
  };
}

/**
 * All migrations as one SQL text that an administrator runs with `psql`. It may be run again at any time: each migration
 * asks the bookkeeping first. `user`, when given, gets the rights on what the migrations make.
 */
export function printMigrationFiles(migrations: Migrations, user: string | null): string {
  const schema = ident(migrations.schema);
  const blocks = loadMigrationFiles(migrations).map((file) => printOnce(schema, file));
  const lock = `select pg_advisory_xact_lock(hashtextextended(${literal(`migrations of ${migrations.schema}`)}, 0));`;
  const setUp = [createSchema(migrations), createMigrationsTable(migrations)].map(({ text }) => `${text};`);
  return ['begin;', lock, ...setUp, ...blocks, ...printGrants(schema, user), 'commit;', ''].join('\n\n');
}

function printOnce(schema: string, { name, sql }: MigrationFile): string {
  return `do $migration$ begin
if exists (select from ${schema}.${ident(MIGRATIONS_TABLE)} where name = ${literal(name)}) then return; end if;

${sql}

insert into ${schema}.${ident(MIGRATIONS_TABLE)} (name, run_on) values (${literal(name)}, now());
end $migration$;`;
}

function printGrants(schema: string, user: string | null): string[] {
  if (user === null) return [];
  return [
    `grant usage on schema ${schema} to ${ident(user)};
grant select, insert, update, delete on all tables in schema ${schema} to ${ident(user)};
grant usage on all sequences in schema ${schema} to ${ident(user)};`,
  ];
}

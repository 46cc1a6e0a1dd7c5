import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Side } from '../../src/model/failures.js';
import { literal } from '../../src/postgres/identifier.js';

/** One step of the schema: its name as the bookkeeping has it, and its SQL, which names every table with its schema. */
export interface Migration {
  readonly name: string;
  /** Data definition only: it runs inside a `do` block, where a `select` would have nowhere to go. */
  readonly sql: string;
}

/**
 * The migrations of one end, in the order in which they are applied: the SQL files beside this module, in the sources as in
 * the built package. A handful of small files, read once by `init` and `check`: no need to read them asynchronously.
 */
export function loadMigrations(side: Side): readonly Migration[] {
  const folder = new URL(`./migrations/${side}/`, import.meta.url);
  return readdirSync(fileURLToPath(folder))
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({ name: basename(file, '.sql'), sql: readFileSync(new URL(file, folder), 'utf8').trim() }));
}

/** Two processes that migrate one database take turns. A lock of the transaction works behind a transaction-mode pooler too. */
export const LOCK_MIGRATIONS = `select pg_advisory_xact_lock(hashtextextended('migrations of meter_sync', 0))`;

/**
 * The statements that bring a schema up to date, for one transaction: `init` runs them, and `init --print` shows them. They may
 * be run again at any time, since each migration asks the bookkeeping first; what a newer program has applied is left alone.
 * They need PL/pgSQL, which every database has unless somebody dropped it.
 */
export function migrationText(migrations: readonly Migration[]): string {
  return [`${LOCK_MIGRATIONS};`, CREATE_SCHEMA, CREATE_TABLE, ...migrations.map(applyOnce)].join('\n\n');
}

/** Not `create schema if not exists`: that wants the right to create schemas also where an administrator has made this one. */
const CREATE_SCHEMA = `do $migration$ begin
if exists (select from pg_catalog.pg_namespace where nspname = 'meter_sync') then return; end if;
create schema meter_sync;
end $migration$;`;

const CREATE_TABLE = `create table if not exists meter_sync.migrations (
  name text primary key,
  applied_at timestamptz not null default now()
);

comment on table meter_sync.migrations is 'The steps in which this schema was made: one row each';`;

function applyOnce({ name, sql }: Migration): string {
  return `do $migration$ begin
if exists (select from meter_sync.migrations where name = ${literal(name)}) then return; end if;

${sql}

insert into meter_sync.migrations (name) values (${literal(name)});
end $migration$;`;
}

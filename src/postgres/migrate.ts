import { runner } from 'node-pg-migrate';
import { DatabaseFailure, toDatabaseFailure } from './errors.js';
import { ident } from './identifier.js';
import {
  createMigrationsTable,
  createSchema,
  loadMigrationFiles,
  lockMigrations,
  type Migrations,
  MIGRATIONS_TABLE,
} from './migration-files.js';
import { type Database, execute, run, runAll, type Session } from './session.js';
import { SQLSTATE } from './sqlstate.js';
import type { Statement } from './statement.js';
import { NEVER_IDLE, withConnection, withTransaction } from './transaction.js';

/**
 * Brings the schema up to date: all migrations that are missing, in one transaction. Can be run at any time, and by two
 * processes at once: the second waits, and finds nothing to do. A user without rights may run it when nothing is missing.
 *
 * It takes two connections of the pool: the lock's, and the one that migrates.
 * @returns the names of the migrations that were applied
 * @throws DatabaseFailure `credentials` - the user may not create the schema or its tables; says what is to be granted
 */
export async function applyMigrations(database: Database, migrations: Migrations): Promise<{ applied: string[] }> {
  return withTransaction(database, { isolation: 'read committed' }, async (lock) => {
    await runAll(lock, [NEVER_IDLE]);
    await execute(lock, lockMigrations(migrations));
    if ((await readMissing(lock, migrations)).length === 0) return { applied: [] };
    try {
      return await withConnection(database, {}, (session) => migrateAlone(session, migrations));
    } catch (error) {
      throw await withRightsExplained(lock, migrations, error);
    }
  });
}

/**
 * The names of the migrations that this database still lacks; none means that the schema is complete.
 * @throws DatabaseFailure `credentials` - the schema is there and this user may not read it
 */
export async function readMissingMigrations(database: Database, migrations: Migrations): Promise<string[]> {
  return withTransaction(database, { isolation: 'repeatable read, read only' }, (session) =>
    readMissing(session, migrations),
  );
}

/** Only the holder of the lock is here, so the library needs none of its own: a session's lock does not survive a pooler. */
async function migrateAlone(session: Session, migrations: Migrations): Promise<{ applied: string[] }> {
  const [schema] = await run(session, selectSchema(migrations));
  if (schema === undefined) await execute(session, createSchema(migrations));
  await execute(session, createMigrationsTable(migrations));
  const applied = await runner({
    dbClient: session.client,
    dir: migrations.folder,
    direction: 'up',
    migrationsSchema: migrations.schema,
    migrationsTable: MIGRATIONS_TABLE,
    singleTransaction: true,
    noLock: true,
    logger: QUIET,
  }).catch((error: unknown) => {
    throw toDatabaseFailure(error, session.side);
  });
  return { applied: applied.map(({ name }) => name) };
}

/** What the library would print, its errors hold too. */
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

function selectSchema({ schema }: Migrations): Statement {
  return { text: 'select oid from pg_catalog.pg_namespace where nspname = $1', values: [schema] };
}

async function readMissing(session: Session, migrations: Migrations): Promise<string[]> {
  const names = loadMigrationFiles(migrations).map(({ name }) => name);
  const [table] = await run(session, selectMigrationsTable(migrations));
  if (table === undefined) return names;
  try {
    const applied = new Set((await run<{ name: string }>(session, selectApplied(migrations))).map(({ name }) => name));
    return names.filter((name) => !applied.has(name));
  } catch (error) {
    if (!isRefused(error)) throw error;
    const message = `${session.side} database: this user may not read the bookkeeping in schema ${migrations.schema}. Its administrator applies what this prints, which also grants the rights: ${INIT_PRINTS}`;
    throw new DatabaseFailure('credentials', message, { side: session.side, sqlstate: error.sqlstate, cause: error });
  }
}

/** From the catalogue, which everybody may read: `to_regclass` needs rights on the schema. */
function selectMigrationsTable({ schema }: Migrations): Statement {
  return {
    text: `
      select c.oid
      from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1
        and c.relname = $2`,
    values: [schema, MIGRATIONS_TABLE],
  };
}

function selectApplied({ schema }: Migrations): Statement {
  return { text: `select name from ${ident(schema)}.${ident(MIGRATIONS_TABLE)}`, values: [] };
}

const INIT_PRINTS = 'meter-sync init --print';

function isRefused(error: unknown): error is DatabaseFailure {
  return error instanceof DatabaseFailure && error.sqlstate === SQLSTATE.insufficientPrivilege;
}

/** "permission denied for database x" helps nobody who does not know what was wanted: says who may not, and what to grant. */
async function withRightsExplained(session: Session, { schema }: Migrations, error: unknown): Promise<unknown> {
  if (!isRefused(error)) return error;
  const [who] = await run<{ user: string; database: string; has_schema: string }>(session, {
    text: `
      select current_user::text as user, current_database()::text as database,
        exists (select from pg_catalog.pg_namespace where nspname = $1)::text as has_schema`,
    values: [schema],
  });
  if (who === undefined) return error;
  const grant =
    who.has_schema === 'true'
      ? `alter schema ${ident(schema)} owner to ${ident(who.user)}`
      : `create schema ${ident(schema)} authorization ${ident(who.user)}`;
  const message = `${session.side} database ${who.database}: user ${who.user} may not create or upgrade schema ${schema}. Its administrator either runs: ${grant}; or applies what this prints: ${INIT_PRINTS}`;
  return new DatabaseFailure('credentials', message, { side: session.side, sqlstate: error.sqlstate, cause: error });
}

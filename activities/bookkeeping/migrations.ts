import type { Side } from '../../src/model/failures.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { ident } from '../../src/postgres/identifier.js';
import { type Database, run, runAll, type Session } from '../../src/postgres/session.js';
import { SQLSTATE } from '../../src/postgres/sqlstate.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { grantText } from './grants.js';
import { loadMigrations, LOCK_MIGRATIONS, type Migration, migrationText } from './migration-text.js';

/**
 * Creates or upgrades the `meter_sync` schema of a database: all migrations that are missing, in one transaction. Can be run at
 * any time, and by two processes at once: the second waits, and finds nothing to do. A user without rights may run it when
 * nothing is missing; a schema that a newer program has made is left alone.
 * @param migrations those of the database's side
 * @returns the names of the migrations that were applied; none when the schema was complete
 * @throws DatabaseFailure `credentials` - says which user lacks which right, and what an administrator can run
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[] = loadMigrations(database.side),
): Promise<{ applied: string[] }> {
  return withTransaction(database, { isolation: 'read committed' }, async (session) => {
    await runAll(session, [LOCK_MIGRATIONS]);
    const missing = await readMissingNames(session, migrations);
    if (missing.length > 0) await apply(session, migrations);
    return { applied: missing };
  });
}

/**
 * The names of the migrations that a database lacks; none means that its `meter_sync` schema is complete.
 * @throws DatabaseFailure `credentials` - the schema is there and this user may not read it
 */
export async function readMissing(
  database: Database,
  migrations: readonly Migration[] = loadMigrations(database.side),
): Promise<string[]> {
  return withTransaction(database, { isolation: 'repeatable read, read only' }, (session) =>
    readMissingNames(session, migrations),
  );
}

/**
 * What {@link migrate} runs, as a text that an administrator runs with `psql`; may be applied again at any time. `user`, when
 * given, is granted what the worker needs, and no more.
 */
export function printMigrations(side: Side, user: string | null = null): string {
  const grants = user === null ? [] : [grantText(side, user)];
  return `${['begin;', migrationText(loadMigrations(side)), ...grants, 'commit;'].join('\n\n')}\n`;
}

const INIT_PRINTS = 'meter-sync init --print';

async function readMissingNames(session: Session, migrations: readonly Migration[]): Promise<string[]> {
  const applied = await readApplied(session);
  return migrations.map(({ name }) => name).filter((name) => !applied.has(name));
}

async function readApplied(session: Session): Promise<ReadonlySet<string>> {
  const [table] = await run(session, { text: SELECT_MIGRATIONS_TABLE, values: [] });
  if (table === undefined) return new Set();
  try {
    const rows = await run<{ name: string }>(session, { text: 'select name from meter_sync.migrations', values: [] });
    return new Set(rows.map(({ name }) => name));
  } catch (error) {
    if (!isRefused(error)) throw error;
    const { side } = session;
    const message = `${side} database: this user may not read the bookkeeping in schema meter_sync. Its administrator applies what this prints, which also grants the rights: ${INIT_PRINTS}`;
    throw new DatabaseFailure('credentials', message, { side, sqlstate: error.sqlstate, cause: error });
  }
}

/** From the catalogue, which everybody may read: `to_regclass` needs rights on the schema. */
const SELECT_MIGRATIONS_TABLE = `
  select c.oid
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'meter_sync'
    and c.relname = 'migrations'`;

function isRefused(error: unknown): error is DatabaseFailure {
  return error instanceof DatabaseFailure && error.sqlstate === SQLSTATE.insufficientPrivilege;
}

async function apply(session: Session, migrations: readonly Migration[]): Promise<void> {
  const [who] = await run<Who>(session, { text: SELECT_WHO, values: [] }); // a refusal ends the transaction: nothing can be asked after it
  try {
    await runAll(session, [migrationText(migrations)]);
  } catch (error) {
    if (who === undefined || !isRefused(error)) throw error;
    throw withRightsExplained(who, error, session.side);
  }
}

interface Who {
  readonly user: string;
  readonly database: string;
  readonly has_schema: string;
}

const SELECT_WHO = `
  select current_user::text as user, current_database()::text as database,
    exists (select from pg_catalog.pg_namespace where nspname = 'meter_sync')::text as has_schema`;

/** "permission denied for database x" helps nobody who does not know what was wanted: says who may not, and what to grant. */
function withRightsExplained(
  { user, database, has_schema }: Who,
  refusal: DatabaseFailure,
  side: Side,
): DatabaseFailure {
  const print = `applies what this prints: ${INIT_PRINTS}`;
  const create = `either runs: create schema meter_sync authorization ${ident(user)}; or ${print}`;
  const orders = has_schema === 'true' ? print : create; // to own the schema is not to own the tables that are in it
  const message = `${side} database ${database}: user ${user} may not create or upgrade schema meter_sync. Its administrator ${orders}`;
  return new DatabaseFailure('credentials', message, { side, sqlstate: refusal.sqlstate, cause: refusal });
}

import { fileURLToPath } from 'node:url';
import type { Side } from '../../src/model/failures.js';
import { applyMigrations, readMissingMigrations } from '../../src/postgres/migrate.js';
import { type Migrations, printMigrationFiles } from '../../src/postgres/migration-files.js';
import type { Database } from '../../src/postgres/session.js';

/** The schema of our bookkeeping, at both ends. */
export const METER_SYNC_SCHEMA = 'meter_sync';

/**
 * Creates or upgrades the `meter_sync` schema of a database. Can be run at any time, and by two processes at once.
 * @returns the names of the migrations that were applied; none when the schema was complete
 * @throws DatabaseFailure `credentials` - says which user lacks which right, and what an administrator can run
 */
export function migrate(database: Database): Promise<{ applied: string[] }> {
  return applyMigrations(database, migrationsOf(database.side));
}

/**
 * The names of the migrations that a database lacks; none means that its `meter_sync` schema is complete.
 * @throws DatabaseFailure `credentials` - the schema is there and this user may not read it
 */
export function readMissing(database: Database): Promise<string[]> {
  return readMissingMigrations(database, migrationsOf(database.side));
}

/**
 * The SQL of a side's schema for an administrator, to be run by `psql`; may be applied again at any time. `user`, when
 * given, is granted what the worker needs.
 */
export function printMigrations(side: Side, user: string | null = null): string {
  return printMigrationFiles(migrationsOf(side), user);
}

/** The SQL files lie beside this module, in the sources as in the built package. */
function migrationsOf(side: Side): Migrations {
  return { schema: METER_SYNC_SCHEMA, folder: fileURLToPath(new URL(`./migrations/${side}`, import.meta.url)) };
}

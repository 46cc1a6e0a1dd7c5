import { migrate } from '../../activities/bookkeeping/migrations.js';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import { type Config, loadConfig } from '../config/load.js';
import { toPoolSettings } from '../config/pool-settings.js';
import type { Side } from '../model/failures.js';
import { createPool } from '../postgres/pool.js';
import type { Database } from '../postgres/session.js';
import { sampleSchema } from './sample/schema.js';
import type { Stack } from './stack/stack.js';

/** The two databases of the stack, open for preparing and looking. */
export interface StackDatabases {
  readonly local: Database;
  readonly remote: Database;
  readonly close: () => Promise<void>;
}

/** Settings that would lead away from the stack: to other databases, other sites. */
const ELSEWHERE = /^(POSTGRES_(SYNC|CLIENT)_|METER_SYNC_(SITE|SITES_FILE|CONFIG)$)/;
/** Settings that name other tables than the sample's. */
const TABLES = /^METER_SYNC_(READINGS|METERS|TENANTS)_|^METER_SYNC_TENANT$/;

/** Whose tables the stack's databases hold: the sample's, or those that a person brings. */
export type StackTables = 'sample' | 'own';

/**
 * The settings of the stack's one site: those of the environment, but its own databases, Temporal and tables. Settings of
 * Temporal count only when its server was given by them.
 */
export function toStackConfig(stack: Stack, siteId: string, tables: StackTables, env: NodeJS.ProcessEnv): Config {
  const isTemporalGiven = stack.webUi === null;
  const counts = (name: string): boolean => {
    if (name.startsWith('TEMPORAL_')) return isTemporalGiven;
    return !ELSEWHERE.test(name) && !(tables === 'sample' && TABLES.test(name));
  };
  return loadConfig({
    env: {
      ...Object.fromEntries(Object.entries(env).filter(([name]) => counts(name))),
      METER_SYNC_SITE: siteId,
      POSTGRES_SYNC_URL: stack.local,
      POSTGRES_CLIENT_URL: stack.remote,
      TEMPORAL_ADDRESS: stack.temporalAddress,
    },
  });
}

/** Opens both databases of a site for the stack's own work, beside the worker's pools. */
export function openDatabases(config: Config): StackDatabases {
  const open = (side: Side): Database => {
    const settings = toPoolSettings(config[side], { applicationName: 'meter-sync dev', maxConnections: 3 });
    return { side, pool: createPool(settings, () => undefined) }; // a lost idle connection is replaced at the next use
  };
  const [local, remote] = [open('local'), open('remote')];
  const close = async (): Promise<void> => void (await Promise.all([local.pool.end(), remote.pool.end()]));
  return { local, remote, close };
}

/** Gives both databases the `meter_sync` schema, the site its key and, unless a person brings tables, those of the sample. Safe to repeat. */
export async function prepareDatabases(
  { local, remote }: StackDatabases,
  siteId: string,
  tables: StackTables,
): Promise<void> {
  await Promise.all([prepare(local, tables), prepare(remote, tables)]);
  await ensureSiteKey(local, siteId);
}

async function prepare(database: Database, tables: StackTables): Promise<void> {
  if (tables === 'sample') await database.pool.query(sampleSchema(database.side));
  await migrate(database);
}

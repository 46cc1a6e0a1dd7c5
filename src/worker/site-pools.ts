import type { ActivityDependencies, SiteDatabases } from '../../activities/dependencies.js';
import type { Config } from '../config/load.js';
import { toPoolSettings } from '../config/pool-settings.js';
import type { Side } from '../model/failures.js';
import { DatabaseFailure } from '../postgres/errors.js';
import { createPool } from '../postgres/pool.js';
import type { Database } from '../postgres/session.js';
import type { WorkerLogger } from './logger.js';

/**
 * Two batches, and a probe beside them, with one to spare. At the site the lock of a run and its claim come on top. Ten
 * thousand sites share the customer's server.
 */
export const MAX_CONNECTIONS: Readonly<Record<Side, number>> = { local: 6, remote: 4 };

/** The databases of all sites of a worker. */
interface SitePools {
  readonly site: ActivityDependencies['site'];
  readonly all: ReadonlyMap<string, SiteDatabases>;
  /** Waits for the connections in use, then closes all: the remote ones first, as they depend on the local ones. */
  close(): Promise<void>;
}

/** A pool for each database of each site. Nothing is connected yet. */
export function openSitePools(sites: readonly Config[], logger: WorkerLogger): SitePools {
  let isClosing = false;
  const lost: Lost = (site, database, error) => {
    // `end` of a pool does not wait for the last words of its connections
    if (!isClosing) logger.warn('idle connection lost', { site, database, error });
  };
  const all = new Map(sites.map((config) => [config.siteId, openPools(config, logger, lost)]));
  return {
    all,
    site: (siteId) => all.get(siteId) ?? refuse(siteId, [...all.keys()]),
    close: async () => {
      isClosing = true;
      const databases = [...all.values()];
      await Promise.all(databases.map(({ remote }) => remote.pool.end()));
      await Promise.all(databases.map(({ local }) => local.pool.end()));
    },
  };
}

type Lost = (site: string, database: Side, error: Error) => void;

function openPools(config: Config, logger: WorkerLogger, lost: Lost): SiteDatabases {
  const open = (side: Side): Database => {
    const { siteId } = config;
    const options = { applicationName: `meter-sync:${siteId}`, maxConnections: MAX_CONNECTIONS[side] };
    const { password, ...settings } = toPoolSettings(config[side], options);
    const pool = createPool({ ...settings, password: hidden(password, logger) }, (error) => lost(siteId, side, error));
    return { side, pool };
  };
  return { local: open('local'), remote: open('remote'), tables: config.tables };
}

/** A password that the log knows, and hides, before anything is sent with it. */
function hidden(password: (() => string | Promise<string>) | null, logger: WorkerLogger): typeof password {
  if (password === null) return null;
  return async () => {
    const secret = await password();
    logger.hide(secret);
    return secret;
  };
}

/** Somebody started a workflow on this worker's task queue for a site that it does not know. */
function refuse(siteId: string, known: readonly string[]): never {
  throw new DatabaseFailure(
    'config',
    `this worker does not serve the site ${siteId}; expected one of its own: ${known.slice(0, 10).join(', ')}`,
  );
}

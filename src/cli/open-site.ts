import { loadSiteConfig, type SiteConfig } from '../config/load.js';
import type { TemporalClient } from '../temporal/connection.js';
import type { SiteHandle } from '../temporal/site-handle.js';
import type { Context } from './command.js';

/** A site as the commands that ask and signal need it. */
export interface OpenedSite {
  readonly config: SiteConfig;
  readonly temporal: TemporalClient;
  readonly site: SiteHandle;
}

/**
 * Connects to Temporal and opens the site that the settings name; closed when the command has ended.
 * @throws ConfigProblems, BadTemporalSettings, Unreachable, Refused
 */
export async function openSite(context: Context): Promise<OpenedSite> {
  const config = loadSiteConfig(context.sources);
  const [{ connectTemporal }, handles] = await Promise.all([
    import('../temporal/connection.js'),
    import('../temporal/site-handle.js'),
  ]);
  const temporal = await connectTemporal(config.temporal);
  context.defer(() => temporal.close());
  return { config, temporal, site: handles.openSite(temporal, config.siteId) };
}

/** A sentence for people when nobody polls the site's task queue, so that nothing happens yet; null when somebody does. */
export async function findMissingWorker({ temporal, config }: OpenedSite, taskQueue: string): Promise<string | null> {
  const { isPolled, readPollers } = await import('../temporal/task-queue.js');
  if (isPolled(await readPollers(temporal, taskQueue), Date.now())) return null;
  return `No worker polls the task queue ${taskQueue} yet, so nothing moves until one does: meter-sync worker --site ${config.siteId}`;
}

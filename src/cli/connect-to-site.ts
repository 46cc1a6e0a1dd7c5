import { loadSiteConfig } from '../config/load.js';
import type { SiteConfig } from '../config/read/read-site.js';
import type { TemporalClient } from '../temporal/connection.js';
import type { NoWorker, StuckTask } from '../temporal/errors.js';
import type { SiteHandle } from '../temporal/site-handle.js';
import type { Context } from './command.js';

/** A site as the commands that ask and signal need it. */
export interface ConnectedSite {
  readonly config: SiteConfig;
  readonly temporal: TemporalClient;
  readonly site: SiteHandle;
}

/**
 * Connects to Temporal and takes the handle of the site that the settings name; closed when the command has ended.
 * @throws ConfigProblems, BadTemporalSettings, Unreachable, Refused
 */
export async function connectToSite(context: Context): Promise<ConnectedSite> {
  const config = loadSiteConfig(context.sources);
  const [{ connectTemporal }, handles] = await Promise.all([
    import('../temporal/connection.js'),
    import('../temporal/site-handle.js'),
  ]);
  const temporal = await connectTemporal(config.temporal);
  context.defer(() => temporal.close());
  return { config, temporal, site: handles.siteHandle(temporal, config.siteId) };
}

/**
 * Why what was sent to a site does not take effect yet: no worker answers, or the workflow's own code fails. Null when it does. The workflow itself is asked,
 * since a worker that was killed looks for another minute as if it polled.
 * @throws Unreachable, Refused
 */
export async function findObstacle({ site }: ConnectedSite): Promise<NoWorker | StuckTask | null> {
  const { NotRunning, NoWorker, StuckTask } = await import('../temporal/errors.js');
  try {
    await site.status();
    return null;
  } catch (error) {
    if (error instanceof NoWorker || error instanceof StuckTask) return error;
    if (error instanceof NotRunning) return null; // it has ended since, so somebody took it up
    throw error;
  }
}

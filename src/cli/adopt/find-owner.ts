import type { SiteConfig } from '../../config/read/read-site.js';
import { TemporalError } from '../../temporal/errors.js';

/** The workflow that uploads a site now. */
interface Owner {
  /** Its first run; null: none runs, or it is not known. */
  readonly runId: string | null;
  /** Why it is not known; null when it is. */
  readonly problem: string | null;
}

/** Asks Temporal which workflow is the site's. A Temporal that is away must not keep a person from mending the chain. */
export async function findOwner(config: SiteConfig): Promise<Owner> {
  const [{ connectTemporal }, { readSiteRecord }] = await Promise.all([
    import('../../temporal/connection.js'),
    import('../../temporal/site-record.js'),
  ]);
  try {
    const temporal = await connectTemporal(config.temporal);
    try {
      const record = await readSiteRecord(temporal, config.siteId);
      return { runId: record === null || record.closing !== null ? null : record.firstRunId, problem: null };
    } finally {
      await temporal.close();
    }
  } catch (error) {
    if (error instanceof TemporalError) return { runId: null, problem: error.message };
    throw error;
  }
}

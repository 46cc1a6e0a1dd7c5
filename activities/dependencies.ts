import type { SiteTables } from '../src/model/table.js';
import type { Database } from '../src/postgres/session.js';
import type { HearAttempt } from './heard.js';

/** The two databases of a site and the tables that it keeps in step. */
export interface SiteDatabases {
  readonly local: Database;
  readonly remote: Database;
  readonly tables: SiteTables;
}

/** What the activities are given by the worker. */
export interface ActivityDependencies {
  /**
   * The databases of a site.
   * @throws DatabaseFailure `config` - this worker does not serve the site
   */
  readonly site: (siteId: string) => SiteDatabases;
  /** Aborts when the worker is told to end: batches under way are finished, no new one is begun. */
  readonly drain: AbortSignal;
  /** Hears of every attempt; absent: nobody does. */
  readonly hear?: HearAttempt;
}

import { inspectSites } from '../config/load.js';
import { toTableName } from '../model/table.js';
import { DatabaseFailure } from '../postgres/errors.js';
import { run } from '../postgres/session.js';
import { withConnection } from '../postgres/transaction.js';
import type { TemporalClient } from '../temporal/connection.js';
import { TableTaken } from '../temporal/errors.js';
import { readSiteRecord } from '../temporal/site-record.js';
import { selectOtherSenders } from '../../activities/upload/chain/claim.js';
import type { Context } from './command.js';
import { withDatabase } from './open-database.js';

/**
 * Refuses to start a site whose local table another site uploads that runs: a typo in a site's name would send each reading twice
 * over. The local database knows who has uploaded its table. A start needs no database; without its settings nobody can look.
 * @throws TableTaken
 */
export async function refuseSharedTable(context: Context, temporal: TemporalClient, siteId: string): Promise<void> {
  for (const { site, table } of await findOtherSenders(context, siteId)) {
    const record = await readSiteRecord(temporal, site);
    if (record !== null && record.closing === null) throw new TableTaken(siteId, table, site);
  }
}

interface OtherSender {
  readonly site: string;
  readonly table: string;
}

async function findOtherSenders({ sources, output }: Context, siteId: string): Promise<OtherSender[]> {
  const { local = null, tables = null } = inspectSites(sources, true)[0] ?? {};
  if (local === null || tables === null) return [];
  const { table } = tables.readings;
  try {
    const statement = selectOtherSenders(siteId, table);
    const senders = await withDatabase(local, 'local', (database) =>
      withConnection(database, {}, (session) => run<{ site: string }>(session, statement)),
    );
    return senders.map(({ site }) => ({ site, table: toTableName(table) }));
  } catch (error) {
    if (!(error instanceof DatabaseFailure)) throw error;
    if (error.kind !== 'schema') output.note(`Whether another site uploads this table is unknown: ${error.message}`);
    return []; // without our schema nobody has uploaded anything
  }
}

import { idents } from '../postgres/identifier.js';
import { type Database, run } from '../postgres/session.js';
import type { Statement } from '../postgres/statement.js';
import { withTransaction } from '../postgres/transaction.js';
import { STAGED_READINGS, stageReadings } from './sample/load-readings.js';
import { type Reading, READING_COLUMNS } from './sample/reading.js';
import type { StackDatabases } from './stack-site.js';

/** What both ends hold of the readings that were generated, found by comparing keys and content, not by any counter. */
export interface Proof {
  readonly readings: {
    readonly generated: number;
    /** Rows of the customer's table. */
    readonly remote: number;
    /** Rows of the site's table: not yet uploaded. */
    readonly local: number;
    /** Generated readings that are at neither end with every value as it was. */
    readonly lost: number;
    /** Rows of the customer's table beyond one for each generated reading. */
    readonly doubled: number;
  };
  readonly meters: { readonly local: number; readonly remote: number };
  readonly tenants: { readonly local: number; readonly remote: number };
}

/**
 * Compares both databases with the readings that were put in, as the generator has kept them. Values are compared as
 * PostgreSQL prints them, so that even `1.50` and `1.5` differ.
 */
export async function proveReadings(databases: StackDatabases, generated: readonly Reading[]): Promise<Proof> {
  const [local, remote] = await Promise.all([
    compareEnd(databases.local, generated),
    compareEnd(databases.remote, generated),
  ]);
  const missingRemotely = new Set(remote.missing);
  const lost = local.missing.filter((id) => missingRemotely.has(id)).length;
  return {
    readings: {
      generated: generated.length,
      remote: remote.readings,
      local: local.readings,
      lost,
      doubled: remote.surplus,
    },
    meters: { local: local.meters, remote: remote.meters },
    tenants: { local: local.tenants, remote: remote.tenants },
  };
}

interface End {
  readonly readings: number;
  readonly surplus: number;
  readonly meters: number;
  readonly tenants: number;
  /** Ids of generated readings that this end has not, or not as they were. */
  readonly missing: readonly string[];
}

function compareEnd(database: Database, generated: readonly Reading[]): Promise<End> {
  return withTransaction(database, { isolation: 'repeatable read' }, async (session) => {
    await stageReadings(session, generated);
    const missing = await run<{ id: string }>(session, selectMissing());
    const [counts] = await run<Record<Exclude<keyof End, 'missing'>, string>>(session, selectCounts());
    const { readings = '', surplus = '', meters = '', tenants = '' } = counts ?? {};
    return {
      readings: Number(readings),
      surplus: Number(surplus),
      meters: Number(meters),
      tenants: Number(tenants),
      missing: missing.map(({ id }) => id),
    };
  });
}

function selectMissing(): Statement {
  return {
    text: `
      select generated.id
      from ${STAGED_READINGS} as generated
      where not exists (
        select from meter_readings as stored
        where stored.id = generated.id
          and row(${idents(READING_COLUMNS, 'stored')})::text = row(${idents(READING_COLUMNS, 'generated')})::text
      )`,
    values: [],
  };
}

function selectCounts(): Statement {
  return {
    text: `
      select
        (select count(*) from meter_readings) as readings,
        (select count(*) from meter_readings)
          - (select count(distinct stored.id) from meter_readings as stored join ${STAGED_READINGS} using (id)) as surplus,
        (select count(*) from meter) as meters,
        (select count(*) from tenant) as tenants`,
    values: [],
  };
}

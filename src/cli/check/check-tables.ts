import { planDownload } from '../../../activities/download/plan-download.js';
import { checkStanding, readStanding } from '../../../activities/upload/rights.js';
import { compareEnds } from '../../model/drift.js';
import {
  type OwnedTable,
  type QueueTable,
  type SiteTables,
  type TableRef,
  type TableShape,
  toTableName,
} from '../../model/table.js';
import { readTableShape } from '../../postgres/catalog.js';
import { idents, relation } from '../../postgres/identifier.js';
import { type Database, run } from '../../postgres/session.js';
import { withTransaction } from '../../postgres/transaction.js';
import type { Findings } from './finding.js';
import { selectIndexes, selectMissingRights, selectRowSecurity } from './statements.js';

/** Both databases, each null when it could not be reached. */
export interface Ends {
  readonly local: Database | null;
  readonly remote: Database | null;
}

/** The rights of the readings table are checked as the upload does, which knows the columns that travel. */
const READINGS_RIGHTS = { local: [], remote: [] } as const;
const OWNED_RIGHTS = { local: ['SELECT', 'INSERT', 'UPDATE'], remote: ['SELECT'] } as const;

/** Looks at every table at both ends: is it there, what may this user do, do the two fit together, is there the index. */
export async function checkTables(ends: Ends, tables: SiteTables, findings: Findings): Promise<void> {
  await checkReadings(ends, tables, findings);
  await checkOwned(ends, tables.meters, findings);
  await checkOwned(ends, tables.tenants, findings);
}

async function checkReadings(ends: Ends, { readings }: SiteTables, findings: Findings): Promise<void> {
  const local = await readShape(ends.local, readings.table, READINGS_RIGHTS.local, findings);
  const remote = await readShape(ends.remote, readings.table, READINGS_RIGHTS.remote, findings);
  const { local: localDatabase } = ends;
  if (local !== null && localDatabase !== null) {
    await findings.attempt(() =>
      checkIndex(localDatabase, local, { order: readings.order, key: readings.key }, findings),
    );
  }
  const compared = local === null || remote === null ? null : compareEnds({ queue: readings, local, remote });
  for (const [database, shape] of [
    [ends.local, local],
    [ends.remote, remote],
  ] as const) {
    if (database === null || shape === null) continue;
    const columns = (compared?.transfer.columns ?? shape.columns).map(({ name }) => name);
    await findings.attempt(() => checkUploadRights(database, readings, columns));
  }
  if (compared === null) return;
  const name = toTableName(readings.table);
  const { transfer, drifts } = compared;
  for (const { side, problem } of drifts) {
    findings.error(
      `${name}: ${problem}; nothing is uploaded`,
      `Mend the table in the ${side} database, or the settings that name it`,
    );
  }
  if (transfer.localOnly.length > 0) {
    const columns = transfer.localOnly.join(', ');
    findings.warning(
      `${name}: the remote table does not take ${columns}; these values are removed with their reading, and are then nowhere`,
      'Add the columns to the remote table, if they matter',
    );
  }
  if (drifts.length > 0) return;
  const form =
    transfer.format === 'binary' ? 'in binary form' : 'as text, since column types differ: slower, and just as true';
  findings.ok(`${name}: ${transfer.columns.length} columns travel ${form}`);
}

function checkUploadRights(database: Database, readings: QueueTable, columns: readonly string[]): Promise<void> {
  return withTransaction(database, { isolation: 'read committed' }, async (session) =>
    checkStanding(await readStanding(session, readings), { readings, side: database.side, columns }),
  );
}

async function checkOwned(ends: Ends, owned: OwnedTable, findings: Findings): Promise<void> {
  const local = await readShape(ends.local, owned.table, OWNED_RIGHTS.local, findings);
  const remote = await readShape(ends.remote, owned.table, OWNED_RIGHTS.remote, findings);
  if (local === null || remote === null) return;
  await findings.attempt(async () => {
    const plan = planDownload(owned, { local, remote });
    findings.ok(`${toTableName(owned.table)}: ${plan.carried.length} columns are copied from the remote`);
  });
}

/** The shape of a table, or null after an error of why it cannot be had. */
async function readShape(
  database: Database | null,
  table: TableRef,
  rights: readonly string[],
  findings: Findings,
): Promise<TableShape | null> {
  if (database === null) return null;
  let shape: TableShape | null = null;
  await findings.attempt(async () => {
    shape = await withTransaction(database, { isolation: 'read committed' }, (session) =>
      readTableShape(session, table),
    );
  });
  if (shape !== null) await findings.attempt(() => checkRights(database, table, rights, findings));
  return shape;
}

async function checkRights(
  database: Database,
  table: TableRef,
  rights: readonly string[],
  findings: Findings,
): Promise<void> {
  const [missing, security, user] = await withTransaction(
    database,
    { isolation: 'read committed' },
    async (session) => [
      await run<{ right: string }>(session, selectMissingRights(table, rights)),
      await run<{ active: string }>(session, selectRowSecurity(table)),
      await run<{ name: string }>(session, { text: 'select quote_ident(current_user) as name', values: [] }),
    ],
  );
  const where = `${toTableName(table)} in the ${database.side} database`;
  if (missing.length > 0) {
    const names = missing.map(({ right }) => right).join(', ');
    const grant = `grant ${names.toLowerCase()} on ${relation(table)} to ${user[0]?.name ?? 'the user'}`;
    findings.error(`no right to ${names} on ${where}`, `Let its owner run: ${grant}`);
  }
  if (security[0]?.active === 'true') {
    findings.warning(
      `row-level security may hide rows of ${where}`,
      'Give this user a policy for all rows, or the attribute bypassrls',
    );
  }
}

/** Without it each batch sorts the whole queue: no matter for a thousand readings, and minutes for ten million. */
async function checkIndex(
  database: Database,
  { table }: TableShape,
  { order, key }: { order: string; key: readonly string[] },
  findings: Findings,
): Promise<void> {
  const rows = await withTransaction(database, { isolation: 'read committed' }, (session) =>
    run<{ columns: string }>(session, selectIndexes(table)),
  );
  const wanted = [order, ...key];
  const serves = ({ columns }: { columns: string }): boolean => {
    const found = JSON.parse(columns) as string[];
    return wanted.every((name, at) => found[at] === name);
  };
  if (rows.some(serves)) return findings.ok(`${toTableName(table)}: an index gives the queue in its order`);
  const statement = `create index concurrently on ${relation(table)} (${idents(wanted)})`;
  findings.warning(
    `${toTableName(table)}: no index on (${wanted.join(', ')}); a long queue is sorted anew for each batch`,
    `Run in the local database: ${statement}`,
  );
}

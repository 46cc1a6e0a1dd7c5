import { checkFilter } from '../../../activities/download/plan/owned-rows.js';
import { checkCascade, refuseReadings, selectIsReadings } from '../../../activities/download/guard/check-readings.js';
import { selectMemory, toMemory } from '../../../activities/download/compare/memory.js';
import { planDownload } from '../../../activities/download/plan/plan-download.js';
import { type EndColumns, findProblems } from '../../../activities/download/plan/plan-problems.js';
import { byName, type OwnedTable, type SiteTables, type TableRef, toTableName } from '../../model/table.js';
import { DatabaseFailure } from '../../postgres/errors.js';
import { type Database, run, runAll, type Session } from '../../postgres/session.js';
import { plain } from '../../postgres/statement.js';
import { withConnection } from '../../postgres/transaction.js';
import { checkKept } from './check-kept.js';
import { checkReadings } from './check-readings.js';
import type { Findings } from './finding.js';
import { type Ends, readShape } from './read-shape.js';

/** Looks at every table at both ends: is it there, what may this user do, do the two fit together, is there the index. */
export async function checkTables(
  ends: Ends,
  { siteId, tables }: { readonly siteId: string | null; readonly tables: SiteTables },
  findings: Findings,
): Promise<void> {
  await checkReadings(ends, tables.readings, findings);
  const { local } = ends;
  if (local !== null && siteId !== null)
    await findings.attempt(() => checkKept(local, siteId, tables.readings, findings));
  for (const owned of [tables.meters, tables.tenants, ...(tables.further ?? [])]) {
    await checkOwned(ends, siteId, owned, findings);
    await checkAtEnds(ends, owned, tables.readings.table, findings);
  }
}

async function checkOwned(ends: Ends, siteId: string | null, owned: OwnedTable, findings: Findings): Promise<void> {
  const local = await readShape(ends.local, owned.table, rightsHere(owned), findings);
  const remote = await readShape(ends.remote, owned.table, ['SELECT'], findings);
  if (local === null || remote === null) return;
  const columns = { local: byName(local.columns), remote: byName(remote.columns) };
  checkNames(owned, columns, findings);
  const before = await readCarried(ends.local, siteId, owned);
  const problems = findProblems(owned, columns, before);
  for (const problem of problems) await findings.attempt(() => Promise.reject(problem));
  if (problems.length > 0) return;
  await findings.attempt(() => {
    const plan = planDownload(owned, {
      local,
      remote,
      encodings: { local: 'UTF8', remote: 'UTF8' },
      hashesRecords: true,
      before,
    });
    findings.ok(`${toTableName(owned.table)}: ${plan.carried.length} columns are copied from the remote`);
    return Promise.resolve();
  });
}

async function checkAtEnds(ends: Ends, owned: OwnedTable, readings: TableRef, findings: Findings): Promise<void> {
  const { local } = ends;
  if (local !== null) {
    const isReadings = plain(selectIsReadings(owned, readings));
    await findings.attempt(() =>
      withConnection(local, {}, async (session) => refuseReadings(owned, await run(session, isReadings))),
    );
    if (owned.gone?.rule === 'delete') {
      await findings.attempt(() => withConnection(local, {}, (session) => checkCascade(session, owned, readings)));
    }
  }
  for (const end of [ends.local, ends.remote]) {
    if (end !== null) await findings.attempt(() => withConnection(end, {}, (session) => tryFilterOf(session, owned)));
  }
}

/** A column or a table that is missing is told elsewhere. */
async function tryFilterOf(session: Session, owned: OwnedTable): Promise<void> {
  try {
    await checkFilter(session, owned);
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.kind !== 'schema') throw error;
  }
}

/** A column that is misspelt here would be copied, or shown, all the same. */
function checkNames(owned: OwnedTable, columns: EndColumns, findings: Findings): void {
  for (const list of ['except', 'secret'] as const) {
    const unknown = (owned[list] ?? []).filter((name) => !columns.local.has(name) && !columns.remote.has(name));
    for (const name of unknown) {
      const table = toTableName(owned.table);
      findings.error(
        `${table}: "${list}" names column ${name}, which neither end has`,
        `Fix "${list}" of table ${table} in METER_SYNC_TABLES`,
      );
    }
  }
}

/** The columns that the last download carried; null: there was none, or its bookkeeping is not there yet. */
async function readCarried(
  local: Database | null,
  siteId: string | null,
  owned: OwnedTable,
): Promise<readonly string[] | null> {
  if (local === null || siteId === null) return null;
  try {
    return await withConnection(local, {}, async (session) => {
      const [rows = []] = await runAll(session, [selectMemory(siteId, owned)]);
      return toMemory(rows)?.columns ?? null;
    });
  } catch (error) {
    if (error instanceof DatabaseFailure && error.kind === 'schema') return null; // `init` is told to be missing elsewhere
    throw error;
  }
}

/** What a download does with a local table; rows that went away are deleted only where the settings say so. */
function rightsHere({ gone }: OwnedTable): string[] {
  return ['SELECT', 'INSERT', 'UPDATE', ...(gone?.rule === 'delete' ? ['DELETE'] : [])];
}

import { planDownload } from '../../../activities/download/plan-download.js';
import { type OwnedTable, type SiteTables, toTableName } from '../../model/table.js';
import { checkReadings } from './check-readings.js';
import type { Findings } from './finding.js';
import { type Ends, readShape } from './read-shape.js';

/** Looks at every table at both ends: is it there, what may this user do, do the two fit together, is there the index. */
export async function checkTables(ends: Ends, tables: SiteTables, findings: Findings): Promise<void> {
  await checkReadings(ends, tables.readings, findings);
  await checkOwned(ends, tables.meters, findings);
  await checkOwned(ends, tables.tenants, findings);
  for (const owned of tables.further ?? []) await checkOwned(ends, owned, findings);
}

async function checkOwned(ends: Ends, owned: OwnedTable, findings: Findings): Promise<void> {
  const local = await readShape(ends.local, owned.table, rightsHere(owned), findings);
  const remote = await readShape(ends.remote, owned.table, ['SELECT'], findings);
  if (local === null || remote === null) return;
  await findings.attempt(async () => {
    const plan = planDownload(owned, { local, remote, isUtf8: true, hashesRecords: true });
    findings.ok(`${toTableName(owned.table)}: ${plan.carried.length} columns are copied from the remote`);
  });
}

/** What a download does with a local table; rows that went away are deleted only where the settings say so. */
function rightsHere({ gone }: OwnedTable): string[] {
  return ['SELECT', 'INSERT', 'UPDATE', ...(gone?.rule === 'delete' ? ['DELETE'] : [])];
}

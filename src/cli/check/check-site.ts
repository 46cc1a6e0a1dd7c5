import type { ConnectionSettings } from '../../config/read/read-connection.js';
import type { InspectedSite } from '../../config/load.js';
import { toProblemText } from '../../config/check/problems.js';
import type { Side } from '../../model/failures.js';
import type { CustodyMode, TableRef } from '../../model/table.js';
import type { Database } from '../../postgres/session.js';
import { withDatabase } from '../open-database.js';
import { checkBookkeeping } from './check-bookkeeping.js';
import { checkCustody } from './check-custody.js';
import { checkLoad } from './check-load.js';
import { checkPlace } from './check-place.js';
import { checkServer, type ServerIdentity } from './check-server.js';
import { checkTables } from './check-tables.js';
import { checkTemporal } from './check-temporal.js';
import { type CheckFinding, type Findings, openFindings } from './finding.js';

/** Everything that is found about a site, errors first, then warnings. All checks run, even when some fail. */
export async function checkSite(inspected: InspectedSite): Promise<readonly CheckFinding[]> {
  const { site, problems } = inspected;
  const areas: Areas = {
    settings: openFindings('settings'),
    local: openFindings('local database'),
    remote: openFindings('remote database'),
    tables: openFindings('tables'),
    temporal: openFindings('Temporal'),
    site: openFindings('site'),
  };
  for (const problem of problems)
    areas.settings.error(toProblemText(problem), 'Fix this setting, see docs/settings.md');
  if (problems.length === 0) areas.settings.ok('all settings can be used');
  await Promise.all([
    checkDatabases(inspected, areas),
    site === null ? Promise.resolve() : checkTemporal(site, areas.temporal, areas.site),
  ]);
  return sortFindings(Object.values(areas).flatMap(({ list }) => list));
}

/** The same failure is seen by the site's workflow and by a look at the databases: it is told once. */
function sortFindings(findings: readonly CheckFinding[]): CheckFinding[] {
  const isToldOfSite = (finding: CheckFinding): boolean =>
    finding.area !== 'site' &&
    findings.some(({ area, message }) => area === 'site' && message.includes(finding.message));
  return LEVELS.flatMap((wanted) =>
    findings.filter((one) => one.level === wanted && !(wanted !== 'ok' && isToldOfSite(one))),
  );
}

const LEVELS: readonly CheckFinding['level'][] = ['error', 'warning', 'ok'];

type Areas = Readonly<Record<Side | 'settings' | 'tables' | 'temporal' | 'site', Findings>>;

async function checkDatabases({ siteId, local, remote, tables }: InspectedSite, areas: Areas): Promise<void> {
  const custody = tables?.readings.custody ?? 'full';
  await withEnd(local, 'local', async (localDatabase) => {
    await withEnd(remote, 'remote', async (remoteDatabase) => {
      const [here, there] = await Promise.all([
        checkEnd(localDatabase, { settings: local, custody }, areas.local),
        checkEnd(remoteDatabase, { settings: remote, custody }, areas.remote),
      ]);
      checkApart(here, there, areas.tables);
      const ends = { local: here === null ? null : localDatabase, remote: there === null ? null : remoteDatabase };
      if (tables === null) return;
      await checkTables(ends, { siteId, tables }, areas.tables);
      const names = [tables.readings.table, tables.meters.table, tables.tenants.table];
      await Promise.all([
        checkLoadOf(ends.local, { settings: local, tables: names }, areas.local),
        checkLoadOf(ends.remote, { settings: remote, tables: names }, areas.remote),
      ]);
      if (ends.local !== null && ends.remote !== null && siteId !== null)
        await checkPlace({ local: ends.local, remote: ends.remote }, { siteId, custody }, areas.tables);
      if (here !== null && there !== null) checkCustody(tables.readings, { local: here, remote: there }, areas.tables);
    });
  });
}

/** A side whose settings cannot be used stands as null; the other one is looked at all the same. */
async function withEnd(
  settings: ConnectionSettings | null,
  side: Side,
  work: (database: Database | null) => Promise<void>,
): Promise<void> {
  if (settings === null) await work(null);
  else await withDatabase(settings, side, work);
}

async function checkEnd(
  database: Database | null,
  { settings, custody }: { readonly settings: ConnectionSettings | null; readonly custody: CustodyMode },
  findings: Findings,
): Promise<ServerIdentity | null> {
  if (database === null || settings === null) return null;
  const identity = await checkServer(database, settings, findings);
  if (identity !== null) await checkBookkeeping(database, custody, findings);
  return identity;
}

async function checkLoadOf(
  database: Database | null,
  { settings, tables }: { readonly settings: ConnectionSettings | null; readonly tables: readonly TableRef[] },
  findings: Findings,
): Promise<void> {
  if (database !== null && settings !== null) await checkLoad(database, settings, tables, findings);
}

/** Two names can lead to one server; then every reading would be found "there already" and removed from its only table. */
function checkApart(here: ServerIdentity | null, there: ServerIdentity | null, findings: Findings): void {
  if (here === null || there === null || here.system === null) return;
  if (here.system !== there.system || here.database !== there.database) return;
  findings.error(
    'local and remote are one and the same database',
    'Point POSTGRES_CLIENT_* to the database of the customer',
  );
}

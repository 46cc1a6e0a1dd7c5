import {
  checkUploadRights,
  checkZone,
  type EndFacts,
  readEndFacts,
} from '../../../activities/upload/plan/end-facts.js';
import { checkKeeping } from '../../../activities/upload/plan/plan-upload.js';
import { checkRemoval } from '../../../activities/upload/plan/removal.js';
import { compareEnds, type Comparison, tellDrifts } from '../../model/drift.js';
import type { Side } from '../../model/failures.js';
import { findSimilarName } from '../../model/similar-name.js';
import { hasUniqueKey, type QueueTable, type TableShape, toTableName } from '../../model/table.js';
import { idents, relation } from '../../postgres/identifier.js';
import type { Database } from '../../postgres/session.js';
import { withTransaction } from '../../postgres/transaction.js';
import { checkDayIndex } from './check-day-index.js';
import { checkIndex } from './check-index.js';
import { findUnhashable } from '../../model/transfer.js';
import { checkTriggers } from './check-triggers.js';
import type { Findings } from './finding.js';
import { type Ends, readShape } from './read-shape.js';

/** The rights of the readings table are checked as the upload does, which knows the columns that travel. */
const NO_RIGHTS: readonly string[] = [];

/** Looks at the table of readings at both ends: what travels, what does not, what the remote refuses or changes. */
export async function checkReadings(ends: Ends, readings: QueueTable, findings: Findings): Promise<void> {
  const { timeZone } = readings;
  const local = await readShape(ends.local, readings.table, NO_RIGHTS, findings);
  const remote = await readShape(ends.remote, readings.table, NO_RIGHTS, findings);
  const compared = local === null || remote === null ? null : compareEnds({ queue: readings, local, remote });
  for (const [database, shape] of [
    [ends.local, local],
    [ends.remote, remote],
  ] as const) {
    if (database === null || shape === null) continue;
    const columns = (compared?.transfer.columns ?? shape.columns).map(({ name }) => name);
    await findings.attempt(() => checkRights(database, readings, columns, findings));
    await findings.attempt(() => checkTriggers(database, readings, findings));
    if (database.side === 'remote') {
      await findings.attempt(() => checkDayIndex(database, { readings, shape }, findings));
      continue;
    }
    await findings.attempt(() => Promise.resolve(checkKeeping(readings, shape)));
    await findings.attempt(() => checkIndex(database, readings, findings));
    if (timeZone === undefined) continue;
    const options = { isolation: 'read committed' } as const;
    await findings.attempt(() => withTransaction(database, options, (session) => checkZone(session, timeZone)));
  }
  if (local !== null && !hasUniqueKey(local, readings.key)) tellDoubleKeys(readings, findings);
  if (local !== null) tellUnknownExcepted(local, readings, findings);
  if (compared !== null) tellComparison(compared, readings, findings);
}

function checkRights(
  database: Database,
  readings: QueueTable,
  columns: readonly string[],
  findings: Findings,
): Promise<void> {
  const { side } = database;
  return withTransaction(database, { isolation: 'read committed' }, async (session) => {
    const facts = await readEndFacts(session, readings);
    tellDdlTriggers(facts, side, findings);
    checkUploadRights(facts, { readings, side, columns });
    checkRemoval(readings, facts.obstacles);
  });
}

/** Nobody can tell what such a trigger does without making a table. */
function tellDdlTriggers({ ddl_triggers }: EndFacts, side: Side, findings: Findings): void {
  const loss = side === 'remote' ? 'a batch with a reading that is refused or sent twice' : 'a download';
  for (const name of JSON.parse(ddl_triggers) as string[]) {
    findings.warning(
      `event trigger ${name} of the ${side} database runs for each new table; if it refuses temporary ones, ${loss} fails`,
      `Ask the DBA of the ${side} database whether it lets temporary tables through`,
    );
  }
}

function tellDoubleKeys({ table, key }: QueueTable, findings: Findings): void {
  findings.warning(
    `${toTableName(table)}: at the site two readings can have one key (${key.join(', ')}); those of other content are kept back`,
    `Run in the local database: create unique index concurrently on ${relation(table)} (${idents(key)})`,
  );
}

function tellComparison(compared: Comparison, readings: QueueTable, findings: Findings): void {
  const name = toTableName(readings.table);
  const { transfer, drifts, warnings } = compared;
  tellDropped(compared, readings, findings);
  for (const { side, problem, dropped } of drifts) {
    if (dropped !== undefined) continue;
    findings.error(
      `${name}: ${problem}; nothing is uploaded`,
      `Fix the table in the ${side} database, or the settings that name it`,
    );
  }
  for (const { problem } of warnings) {
    findings.warning(
      `${name}: ${problem} and stays at the site`,
      'Widen the column in the remote database, if such values can come',
    );
  }
  tellLosses(compared, readings, findings);
  if (drifts.length > 0) return;
  const form =
    transfer.format === 'binary' ? 'in binary form' : 'as text, since column types differ: slower, and just as true';
  findings.ok(`${name}: ${transfer.columns.length} columns travel ${form}`);
  const unhashed = readings.custody === 'strong' ? findUnhashable(transfer) : null;
  if (unhashed !== null)
    findings.warning(
      `${name}: METER_SYNC_CUSTODY is strong, but no day digests are made: column ${unhashed} is converted on its way, or the table moves as text`,
      `Give column ${unhashed} one type at both ends; until then deliveries are proved as with full`,
    );
  const zoned = transfer.columns.filter(({ inZone }) => inZone !== null).map((column) => column.name);
  if (zoned.length > 0) findings.ok(`${name}: ${zoned.join(', ')} cross between local time and instants`);
}

/** The columns whose values would be lost, all with one remedy: the upload stops for them. */
function tellDropped({ drifts }: Comparison, readings: QueueTable, findings: Findings): void {
  const { problems, remedy } = tellDrifts(
    drifts.filter(({ dropped }) => dropped !== undefined),
    readings,
  );
  if (remedy === null) return;
  findings.error(`${toTableName(readings.table)}: ${problems.join('; ')}; nothing is uploaded`, remedy);
}

/** A misspelt exception excepts nothing: the column that was meant still stops the upload, or travels. */
function tellUnknownExcepted(local: TableShape, { except = [], table }: QueueTable, findings: Findings): void {
  const columns = [...local.columns.map(({ name }) => name), ...local.columnsOfParts];
  for (const name of except.filter((one) => !columns.includes(one))) {
    const similar = findSimilarName(name, columns);
    findings.warning(
      `METER_SYNC_READINGS_EXCEPT names ${name}, and ${toTableName(table)} has no such column at the site`,
      similar === null ? 'Remove the name from the setting' : `Did you mean ${similar}? Correct the setting`,
    );
  }
}

/** What is permanently lost after a reading has left the site, as the settings allow, and what they name for nothing. */
function tellLosses({ transfer, excepted }: Comparison, readings: QueueTable, findings: Findings): void {
  const name = toTableName(readings.table);
  const { rounded } = transfer;
  if (excepted.length > 0) {
    findings.ok(
      `${name}: METER_SYNC_READINGS_EXCEPT keeps ${excepted.join(', ')} from being uploaded; deleted at the site with each reading`,
    );
  }
  const allowed = readings.mayRound ?? [];
  const used = rounded.filter((column) => allowed.includes(column));
  if (used.length > 0) {
    findings.warning(
      `${name}: the remote stores ${used.join(', ')} less exactly, as the settings allow; the exact values are removed with their reading`,
      'Give the remote columns the type that they have at the site, if they matter',
    );
  }
  const needless = allowed.filter((column) => !rounded.includes(column));
  if (needless.length > 0) {
    findings.warning(
      `METER_SYNC_READINGS_ALLOW_ROUNDING names ${needless.join(', ')}, which the remote does not round`,
      'Remove these names from the setting, or correct their spelling',
    );
  }
}

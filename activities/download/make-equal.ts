import {
  type ChangedRow,
  type DownloadResult,
  MAX_NAME_LENGTH,
  MAX_NAMED_FIELDS,
  MAX_NAMED_ROWS,
  type NamedRow,
} from '../../src/model/operations.js';
import { type OwnedTable, toTableName } from '../../src/model/table.js';
import { readTableShape } from '../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { type Database, run, type Session } from '../../src/postgres/session.js';
import { setTextForms } from '../../src/postgres/text-forms.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt } from '../attempt.js';
import { applyChanges, type RefusedRow, retireGone } from './apply-changes.js';
import { checkFilter, checkKeys, checkNotEmptied } from './check-ends.js';
import { logChanges } from './log-changes.js';
import { type DownloadPlan, planDownload } from './plan-download.js';
import { FOREIGN_KEY_VIOLATION, setAsideOrphans } from './set-aside.js';
import { type StagedRows, stageRows } from './stage-rows.js';
import { tryLockDownload, checkConstraintsAtOnce, countOwned } from './staging.js';

/** The two ends of a download. */
interface DownloadEnds {
  readonly local: Database;
  readonly remote: Database;
}

/** What a download has done, row by row. */
export interface Download {
  readonly localCount: number;
  readonly remoteCount: number;
  readonly inserted: readonly NamedRow[];
  readonly updated: readonly ChangedRow[];
  readonly deactivated: readonly NamedRow[];
  readonly kept: number;
  readonly waiting: readonly RefusedRow[];
  readonly refused: readonly RefusedRow[];
}

/**
 * Makes a local table equal to the remote one, its owner, for the columns that both have: in one local transaction, from
 * one snapshot of the remote. Safe to repeat: a second download finds nothing to do.
 *
 * Rows gone from the remote are switched off where a boolean column `active` or `is_active` can say so. Where the remote
 * lacks that column, a row is active exactly when the remote has it. A row that only the site knows cannot be told from
 * one that is gone, until downloads remember what they brought; so the site must not add rows of its own.
 * @throws DatabaseFailure `schema`, `config` - the tables, their key or the settings that name them; nothing was changed
 * @throws DatabaseFailure `busy` - another download of this table is under way
 */
export async function makeEqual(ends: DownloadEnds, owned: OwnedTable, attempt: Attempt): Promise<DownloadResult> {
  const table = toTableName(owned.table);
  const { signal } = attempt;
  attempt.heartbeat({ table });
  const download = await withTransaction(ends.local, { isolation: 'read committed', signal }, async (here) => {
    await prepare(here, owned);
    // Fingerprints of both tables will be compared here: equal ones end the download before a row moves.
    const { plan, staged } = await withTransaction(
      ends.remote,
      { isolation: 'repeatable read, read only', signal },
      (there) => fetchRows(here, there, owned),
    );
    attempt.heartbeat({ table, rows: staged.remoteCount });
    await checkKeys(here, plan);
    await checkNotEmptied(here, plan, staged.remoteCount);
    return apply(here, plan, staged);
  });
  logChanges(attempt.log, table, download);
  return toResult(download);
}

async function prepare(here: Session, owned: OwnedTable): Promise<void> {
  const [lock] = await run<{ locked: string }>(here, tryLockDownload(owned));
  if (lock?.locked !== 'true') {
    const table = toTableName(owned.table);
    const message = `local database: another download of table ${table} is under way`;
    throw new DatabaseFailure('busy', message, { side: 'local', table });
  }
  await run(here, setTextForms());
  await run(here, checkConstraintsAtOnce());
}

async function fetchRows(
  here: Session,
  there: Session,
  owned: OwnedTable,
): Promise<{ plan: DownloadPlan; staged: StagedRows }> {
  await run(there, setTextForms());
  const local = await readTableShape(here, owned.table);
  const remote = await readTableShape(there, owned.table);
  const plan = planDownload(owned, { local, remote });
  await checkFilter(here, owned);
  await checkFilter(there, owned);
  return { plan, staged: await stageRows(here, there, plan) };
}

async function apply(here: Session, plan: DownloadPlan, staged: StagedRows): Promise<Download> {
  const orphans = await setAsideOrphans(here, plan);
  const { inserted, updated, refused } = await applyChanges(here, plan);
  const gone = await retireGone(here, plan);
  const [local] = await run<{ rows: string }>(here, countOwned(plan));
  const isWaiting = ({ failure }: RefusedRow): boolean => failure.sqlstate === FOREIGN_KEY_VIOLATION;
  return {
    localCount: Number(local?.rows ?? 0),
    remoteCount: staged.remoteCount,
    inserted,
    updated,
    ...gone,
    waiting: [...orphans, ...refused.filter(isWaiting)],
    refused: [...staged.refused, ...refused.filter((row) => !isWaiting(row))],
  };
}

function toResult(download: Download): DownloadResult {
  return {
    localCount: download.localCount,
    remoteCount: download.remoteCount,
    inserted: download.inserted.length,
    updated: download.updated.length,
    deactivated: download.deactivated.length,
    kept: download.kept,
    waiting: download.waiting.length,
    refused: download.refused.length,
    newRows: download.inserted.slice(0, MAX_NAMED_ROWS).map(toShortRow),
    changedRows: download.updated.slice(0, MAX_NAMED_ROWS).map(toShortChange),
    observedAt: new Date().toISOString(),
  };
}

/** A result crosses the wire and is carried by the workflow: it must stay small, whatever a table holds. */
function toShortRow({ key, name }: NamedRow): NamedRow {
  const cut = (text: string): string =>
    text.length <= MAX_NAME_LENGTH ? text : `${text.slice(0, MAX_NAME_LENGTH - 3)}...`;
  return { key: key.map(cut), name: name === null ? null : cut(name) };
}

function toShortChange(row: ChangedRow): ChangedRow {
  return { ...toShortRow(row), changedFields: row.changedFields.slice(0, MAX_NAMED_FIELDS) };
}

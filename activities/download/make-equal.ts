import { type DownloadInput, type DownloadResult, MAX_NAMED_ROWS, type NamedRow } from '../../src/model/operations.js';
import type { GuardRules } from '../../src/model/guard.js';
import { type OwnedTable, type SiteTables, type TableRef, toTableName } from '../../src/model/table.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { literal, relation } from '../../src/postgres/identifier.js';
import { type Database, runAll, type Session } from '../../src/postgres/session.js';
import { withConnection, withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt } from '../attempt.js';
import { changeRows } from './change-rows.js';
import { refuseReadings } from './plan/check-readings.js';
import { HeldChanges, settleHold } from './guard/held-changes.js';
import { DEFAULT_HISTORY_DAYS, keepHistory } from './history/keep-history.js';
import { columnsDigest } from '../../src/postgres/catalog.js';
import { endHold, type OpenHold, selectHold, toOpenHold } from './guard/hold.js';
import type { DownloadLimits } from './plan/limits.js';
import { lookAtBoth } from './compare/look.js';
import { logChanges } from './history/log-changes.js';
import { createMemory, selectMemory, type TableMemory, toMemory } from './compare/memory.js';
import type { DownloadPlan } from './plan/plan-download.js';
import { PREPARE_LOCAL } from './plan/text-session.js';
import { type ToldChange, toShortChange, toShortRow } from './history/told-changes.js';
import type { RefusedRow } from './apply/trouble.js';

/** The two ends of a download. */
export interface DownloadDatabases {
  readonly local: Database;
  readonly remote: Database;
}

/** How a download is made. */
export interface DownloadOptions {
  /** Whose memory of the table is used; the sites of one local database do not share it. */
  readonly siteId: string;
  /** True: rows that were refused are tried again, although they have not changed. */
  readonly full: boolean;
  /** What is held for a person; absent: the rules of a site that sets none; null: nothing. */
  readonly guard?: GuardRules | null;
  /** How long what was applied is kept; absent: {@link DEFAULT_HISTORY_DAYS}. */
  readonly historyDays?: number;
  /** The table of readings, which no download may touch; absent: there is none. */
  readonly readings?: TableRef;
  /** The workflow's run and cycle that ask, for the history; absent: not known. */
  readonly workflowRun?: string;
  readonly cycle?: number;
  /** Where another way is taken; absent: {@link import('./plan/limits.js').DEFAULT_LIMITS}. */
  readonly limits?: Partial<DownloadLimits>;
}

/** What a download has done, and what it has found. */
export interface Download {
  readonly localCount: number;
  readonly remoteCount: number;
  readonly inserted: number;
  readonly updated: number;
  /** Rows gone from the remote that were deactivated or deleted. */
  readonly gone: number;
  readonly deletes: boolean;
  /** True when the change set was held, and a person has approved it. */
  readonly isApproved: boolean;
  /** The changes one by one, as far as they are told. */
  readonly told: readonly ToldChange[];
  /** Rows that are gone from the remote since the last download, and kept. */
  readonly kept: readonly NamedRow[];
  /** Rows that wait, and those that were refused this time. */
  readonly waiting: readonly RefusedRow[];
  readonly refused: readonly RefusedRow[];
  /** Rows refused this time that are only counted. */
  readonly unnamed: number;
  /** All that wait, are refused, or are kept although they are gone, those of earlier downloads too. */
  readonly counts: { readonly waiting: number; readonly refused: number; readonly kept: number };
}

/** The options that an input of an activity asks for, and the settings. */
export function toOptions(
  { siteId, full = false, cycle }: DownloadInput,
  { downloads, readings }: Pick<SiteTables, 'downloads' | 'readings'>,
  workflowRun?: string,
): DownloadOptions {
  return {
    siteId,
    full,
    readings: readings.table,
    ...downloads,
    ...(cycle === undefined ? {} : { cycle }),
    ...(workflowRun === undefined ? {} : { workflowRun }),
  };
}

const DEFAULTS: DownloadOptions = { siteId: 'default', full: false };

/**
 * Makes a local table equal to the remote one, its owner, for the columns that both have: in one local transaction, from
 * one snapshot of the remote. Safe to repeat: a second download finds nothing to do, and moves no row.
 *
 * Rows that only the site knows, and that never came from the remote, are left alone.
 * @throws DatabaseFailure `schema`, `config` - the tables, their key or the settings that name them; nothing was changed
 * @throws DatabaseFailure `busy` - another download of this table is under way
 * @throws HeldFailure `schema` - the change set looks like a mistake of the remote, and is held; nothing was changed
 */
export async function makeEqual(
  databases: DownloadDatabases,
  owned: OwnedTable,
  attempt: Attempt,
  options: DownloadOptions = DEFAULTS,
): Promise<DownloadResult> {
  const table = toTableName(owned.table);
  const { signal } = attempt;
  attempt.heartbeat({ table });
  const isolated = { isolation: 'read committed', signal } as const;
  const work = withTransaction(databases.local, isolated, async (here) => {
    const prepared = await prepare(here, owned, options);
    const { hold, localDigest, memory = await createMemory(here, options.siteId, owned) } = prepared;
    return withConnection(databases.remote, { signal }, async (there) => {
      const question = memory.signature === null ? 'rows' : 'fingerprint';
      const look = await lookAtBoth({ here, there }, databases.remote, {
        owned,
        question,
        localDigest,
        before: memory.columns,
      });
      const download = await changeRows({ here, there }, look, memory, { ...options, attempt, hold });
      await concludeDownload(here, look.plan, download, { ...options, hold });
      return download;
    });
  });
  const download = await work.catch((error: unknown) => {
    if (error instanceof HeldChanges) return error;
    throw error;
  });
  if (download instanceof HeldChanges) {
    return settleHold(databases.local, owned, download, { siteId: options.siteId, attempt });
  }
  logChanges(attempt.log, table, download);
  return toResult(download);
}

/** True when no other download of this table is under way here: the zombie of an attempt that timed out, say. */
export function tryLockDownload({ table }: OwnedTable): string {
  return `select pg_try_advisory_xact_lock(hashtextextended(${literal(`meter-sync download ${relation(table)}`)}, 0))::text as locked`;
}

interface Prepared {
  readonly memory?: TableMemory;
  readonly hold: OpenHold | null;
  readonly localDigest: string | null;
}

async function prepare(here: Session, owned: OwnedTable, { siteId, readings }: DownloadOptions): Promise<Prepared> {
  const results = await runAll(here, [
    tryLockDownload(owned),
    ...PREPARE_LOCAL,
    `select ${columnsDigest(owned.table)} as digest`,
    selectHold(siteId, owned),
    selectMemory(siteId, owned),
  ]);
  const [lock] = results[0] as { locked: string }[];
  if (readings !== undefined) await refuseReadings(here, owned, readings);
  if (lock?.locked !== 'true') {
    const table = toTableName(owned.table);
    const message = `local database: another download of table ${table} is under way`;
    throw new DatabaseFailure('busy', message, { side: 'local', table });
  }
  const memory = toMemory(results.at(-1) ?? []);
  const [catalogue] = results.at(-3) as { digest: string | null }[];
  const localDigest = catalogue?.digest ?? null;
  return { hold: toOpenHold(results.at(-2) ?? []), localDigest, ...(memory === null ? {} : { memory }) };
}

/** What came through ends a hold: the remote is itself again, unless it was approved. What was applied is kept. */
async function concludeDownload(
  here: Session,
  plan: DownloadPlan,
  { inserted, updated, gone, isApproved }: Download,
  options: DownloadOptions & { readonly hold: OpenHold | null },
): Promise<void> {
  const { siteId, hold, workflowRun = null, cycle = null, historyDays = DEFAULT_HISTORY_DAYS } = options;
  if (hold !== null) await endHold(here, hold, isApproved ? 'applied' : 'recovered');
  if (inserted + updated + gone === 0 && !isApproved) return;
  const holdId = isApproved ? (hold?.id ?? null) : null;
  await keepHistory(here, plan, { siteId, inserted, updated, gone, workflowRun, cycle, holdId, historyDays });
}

function toResult(download: Download): DownloadResult {
  const toldOf = (kind: ToldChange['kind']): readonly ToldChange[] =>
    download.told.filter((change) => change.kind === kind).slice(0, MAX_NAMED_ROWS);
  return {
    localCount: download.localCount,
    remoteCount: download.remoteCount,
    inserted: download.inserted,
    updated: download.updated,
    deactivated: download.gone,
    kept: download.counts.kept,
    waiting: download.counts.waiting,
    refused: download.counts.refused,
    newRows: toldOf('new').map(toShortRow),
    changedRows: toldOf('changed').map(toShortChange),
    observedAt: new Date().toISOString(),
  };
}

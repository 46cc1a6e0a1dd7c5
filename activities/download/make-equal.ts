import { NO_DOWNLOAD, toShortChange, toShortRow } from '../../src/model/download-outcome.js';
import type { GuardRules } from '../../src/model/guard.js';
import {
  type DownloadCounts,
  type DownloadInput,
  type DownloadResult,
  MAX_NAMED_ROWS,
} from '../../src/model/operations.js';
import {
  DEFAULT_HISTORY_DAYS,
  type OwnedTable,
  type SiteTables,
  type TableRef,
  toTableName,
} from '../../src/model/table.js';
import { columnsDigest } from '../../src/postgres/catalog.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { type Database, runAll, type Session } from '../../src/postgres/session.js';
import { withConnection, withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt } from '../attempt.js';
import { type Applied, applyChanges } from './apply/apply-changes.js';
import { compareEnds, isUnchanged, type Look } from './compare/compare-ends.js';
import { DEFAULT_LIMITS, type DownloadLimits, type Fetched, fetchDifferent } from './compare/fetch-different.js';
import { findChanges } from './compare/find-changes.js';
import { createMemory, saveMemory, selectMemory, type TableMemory, toMemory } from './compare/memory.js';
import { checkCascade, refuseReadings, selectIsReadings } from './guard/check-readings.js';
import { guardChanges } from './guard/guard-changes.js';
import { endOpenHold, HeldChanges, settleHold } from './guard/settle-hold.js';
import { type OpenHold, selectHold, toOpenHold } from './guard/hold.js';
import { keepHistory } from './history/keep-history.js';
import { logChanges, NOTHING_TOLD, type ToldDownload } from './history/log-changes.js';
import { readKept, readTaken, type ToldChange, toTold } from './history/told-changes.js';
import { countOwned } from './plan/owned-rows.js';
import {
  askAll,
  END_REMOTE,
  PREPARE_LOCAL,
  type Questions,
  type Sessions,
  toAnswers,
  toTexts,
  tryLockDownload,
} from './plan/sessions.js';

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
  /** Where another way is taken; absent: {@link DEFAULT_LIMITS}. */
  readonly limits?: Partial<DownloadLimits>;
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
    ...(downloads === undefined ? {} : { guard: downloads.guard, historyDays: downloads.historyDays }),
    ...(cycle === undefined ? {} : { cycle }),
    ...(workflowRun === undefined ? {} : { workflowRun }),
  };
}

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
  { local, remote }: DownloadDatabases,
  owned: OwnedTable,
  attempt: Attempt,
  options: DownloadOptions,
): Promise<DownloadResult> {
  const table = toTableName(owned.table);
  const { signal } = attempt;
  const questions = toQuestions(owned, options);
  const begin = { isolation: 'read committed', signal, opening: toTexts(questions) } as const;
  const work = withTransaction(local, begin, async (here, opened) => {
    const start = await prepare(here, owned, options.siteId, toAnswers<Prepared>(questions, opened));
    return withConnection(remote, { signal }, (there) =>
      download({ here, there }, remote, owned, { ...options, ...start, attempt }),
    );
  });
  const done = await work.catch((error: unknown) => {
    if (error instanceof HeldChanges) return error;
    throw nameTable(error, table);
  });
  if (done instanceof HeldChanges) return settleHold(local, owned, done, { siteId: options.siteId, attempt });
  logChanges(attempt.log, table, done);
  return toResult(done);
}

/** A server's error of the server itself: who may log in, how many, what it has room for. */
const OF_SERVER = /^(28|3D|53|57|58)/;

/** A server seldom says in which table a statement has failed, and several are downloaded in a row. */
function nameTable(error: unknown, table: string): unknown {
  if (!(error instanceof DatabaseFailure) || error.place.table !== null) return error;
  const { kind, message, sqlstate } = error;
  if (sqlstate === null || kind === 'unreachable' || OF_SERVER.test(sqlstate)) return error;
  return new DatabaseFailure(kind, `${message} (download of table ${table})`, {
    ...error,
    ...error.place,
    table,
    cause: error,
  });
}

interface Downloading extends DownloadOptions, Start {
  readonly attempt: Attempt;
}

/** The story: compare, fetch, guard, apply. Where both ends are as remembered, their sums were all that is asked, and no row moves. */
async function download(
  sessions: Sessions,
  remote: Database,
  owned: OwnedTable,
  options: Downloading,
): Promise<ToldDownload> {
  const { here, there } = sessions;
  const { memory, full, attempt, readings } = options;
  const look = await compareEnds(sessions, remote, owned, options);
  if (isUnchanged(look, memory) && !full) {
    await runAll(there, END_REMOTE);
    await endOpenHold(here, options.hold, false);
    return { ...NOTHING_TOLD, counts: toCounts(look, memory, look.local.rows) };
  }
  const { plan } = look;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const fetched = await fetchDifferent(sessions, look, { memory, full }, limits);
  attempt.heartbeat({ table: toTableName(owned.table), rows: fetched.rows });
  const changes = await findChanges(here, plan, fetched);
  const isApproved = await guardChanges(here, look, changes, options);
  const takesAway = plan.absence.rule === 'delete' && changes.gone > 0;
  if (takesAway && readings !== undefined) await checkCascade(here, plan, readings);
  const applied = await applyChanges(here, plan, changes, limits.rowsAtOnce);
  const taken = await readTaken(here);
  const kept = await readKept(here, plan, changes);
  await endOpenHold(here, options.hold, isApproved);
  const noting = note(here, look, { applied, fetched, isApproved, options });
  const [after, told] = await Promise.all([noting, Promise.resolve(taken).then(toTold)]); // while the server writes
  return {
    counts: {
      ...toCounts(look, after.memory, after.localRows),
      inserted: applied.inserted,
      updated: applied.updated,
      deactivated: applied.gone,
    },
    deletes: plan.absence.rule === 'delete',
    told,
    kept,
    waiting: applied.waiting,
    refused: [...fetched.refused, ...applied.refused],
    unnamed: applied.unnamed,
  };
}

/** What is known at the site when a download begins. */
interface Start {
  readonly memory: TableMemory;
  readonly hold: OpenHold | null;
  readonly localDigest: string | null;
}

/** What the message answers that begins the site's transaction. */
interface Prepared {
  readonly lock: { locked: string }[];
  readonly catalogue: { digest: string | null }[];
  readonly hold: object[];
  readonly memory: object[];
  readonly isReadings: { same: string | null }[];
}

function toQuestions(owned: OwnedTable, { siteId, readings }: DownloadOptions): Questions<Prepared> {
  return {
    lock: tryLockDownload(owned),
    catalogue: [...PREPARE_LOCAL, `select ${columnsDigest(owned.table)} as digest`],
    hold: selectHold(siteId, owned),
    memory: selectMemory(siteId, owned),
    isReadings: readings === undefined ? [] : selectIsReadings(owned, readings),
  };
}

async function prepare(
  here: Session,
  owned: OwnedTable,
  siteId: string,
  { lock, catalogue, hold, memory, isReadings }: Prepared,
): Promise<Start> {
  refuseReadings(owned, isReadings);
  if (lock[0]?.locked !== 'true') {
    const table = toTableName(owned.table);
    const message = `local database: another download of table ${table} is under way`;
    throw new DatabaseFailure('busy', message, { side: 'local', table });
  }
  return {
    memory: toMemory(memory) ?? (await createMemory(here, siteId, owned)),
    hold: toOpenHold(hold),
    localDigest: catalogue[0]?.digest ?? null,
  };
}

interface Outcome {
  readonly applied: Applied;
  readonly fetched: Fetched;
  readonly isApproved: boolean;
  readonly options: Downloading;
}

/** Keeps what was applied, and what both ends hold since. */
async function note(
  here: Session,
  look: Look,
  { applied, fetched, isApproved, options }: Outcome,
): Promise<{ readonly memory: TableMemory; readonly localRows: string }> {
  const { siteId, hold, workflowRun = null, cycle = null, historyDays = DEFAULT_HISTORY_DAYS } = options;
  const { inserted, updated, gone } = applied;
  const holdId = isApproved ? (hold?.id ?? null) : null;
  const { isFirstFill } = fetched;
  const counts = { siteId, inserted, updated, gone, isFirstFill, workflowRun, cycle, holdId, historyDays };
  const isKept = inserted + updated + gone > 0 || isApproved;
  const { memory, local } = await askAll<{ memory: object[]; local: { rows: string }[] }>(here, {
    memory: [
      ...(isKept ? keepHistory(look.plan, counts) : []),
      ...saveMemory(options.memory, { ...look, ...look.plan }),
    ],
    local: countOwned(look.plan).text,
  });
  const after = toMemory(memory);
  if (after === null) throw new Error('an update that returns no row');
  return { memory: after, localRows: local[0]?.rows ?? '0' };
}

function toCounts({ plan, remote }: Look, { waiting, refused, gone }: TableMemory, localRows: string): DownloadCounts {
  return {
    ...NO_DOWNLOAD,
    localCount: Number(localRows),
    remoteCount: Number(remote.rows),
    waiting: Number(waiting),
    refused: Number(refused),
    kept: plan.absence.rule === 'keep' ? Number(gone) : 0,
  };
}

function toResult({ counts, told }: ToldDownload): DownloadResult {
  const toldOf = (kind: ToldChange['kind']): readonly ToldChange[] =>
    told.filter((change) => change.kind === kind).slice(0, MAX_NAMED_ROWS);
  return {
    ...counts,
    newRows: toldOf('new').map(toShortRow),
    changedRows: toldOf('changed').map(toShortChange),
    observedAt: new Date().toISOString(),
  };
}

import { type DownloadInput, type DownloadResult, MAX_NAMED_ROWS } from '../../src/model/operations.js';
import { type OwnedTable, toTableName } from '../../src/model/table.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';
import { literal, relation } from '../../src/postgres/identifier.js';
import { type Database, runAll, type Session } from '../../src/postgres/session.js';
import { withConnection, withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt } from '../attempt.js';
import { changeRows } from './change-rows.js';
import { lookAtBoth } from './look.js';
import { logChanges } from './log-changes.js';
import { createMemory, selectMemory, type TableMemory } from './memory.js';
import { PREPARE_LOCAL } from './text-session.js';
import { type ToldChange, toShortChange, toShortRow } from './told-changes.js';
import type { RefusedRow } from './trouble.js';

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
  /** The changes one by one, as far as they are told. */
  readonly told: readonly ToldChange[];
  /** Rows that wait, and those that were refused this time. */
  readonly waiting: readonly RefusedRow[];
  readonly refused: readonly RefusedRow[];
  /** All that wait, are refused, or are kept although they are gone, those of earlier downloads too. */
  readonly counts: { readonly waiting: number; readonly refused: number; readonly kept: number };
}

/** The options that an input of an activity asks for. */
export function toOptions({ siteId, full = false }: DownloadInput): DownloadOptions {
  return { siteId, full };
}

const DEFAULTS: DownloadOptions = { siteId: 'default', full: false };

/**
 * Makes a local table equal to the remote one, its owner, for the columns that both have: in one local transaction, from
 * one snapshot of the remote. Safe to repeat: a second download finds nothing to do, and moves no row.
 *
 * Rows that only the site knows, and that never came from the remote, are left alone.
 * @throws DatabaseFailure `schema`, `config` - the tables, their key or the settings that name them; nothing was changed
 * @throws DatabaseFailure `busy` - another download of this table is under way
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
  const download = await withTransaction(databases.local, { isolation: 'read committed', signal }, async (here) => {
    const memory = (await prepare(here, owned, options)) ?? (await createMemory(here, options.siteId, owned));
    return withConnection(databases.remote, { signal }, async (there) => {
      const look = await lookAtBoth({ here, there }, databases.remote, owned);
      const download = await changeRows({ here, there }, look, memory, { ...options, attempt });
      await runAll(there, ['commit']);
      return download;
    });
  });
  logChanges(attempt.log, table, download);
  return toResult(download);
}

/** True when no other download of this table is under way here: the zombie of an attempt that timed out, say. */
export function tryLockDownload({ table }: OwnedTable): string {
  return `select pg_try_advisory_xact_lock(hashtextextended(${literal(`meter-sync download ${relation(table)}`)}, 0))::text as locked`;
}

async function prepare(here: Session, owned: OwnedTable, { siteId }: DownloadOptions): Promise<TableMemory | null> {
  const results = await runAll(here, [tryLockDownload(owned), ...PREPARE_LOCAL, selectMemory(siteId, owned)]);
  const [lock] = results[0] as { locked: string }[];
  if (lock?.locked !== 'true') {
    const table = toTableName(owned.table);
    const message = `local database: another download of table ${table} is under way`;
    throw new DatabaseFailure('busy', message, { side: 'local', table });
  }
  const [memory] = results.at(-1) as TableMemory[];
  return memory ?? null;
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

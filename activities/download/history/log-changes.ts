import { NO_DOWNLOAD } from '../../../src/model/download-outcome.js';
import { type DownloadCounts, MAX_NAMED_ROWS, type NamedRow } from '../../../src/model/operations.js';
import type { Log } from '../../attempt.js';
import type { RefusedRow } from '../compare/refused-rows.js';
import { MAX_LOGGED_ROWS, type ToldChange } from './told-changes.js';

/** What the log tells of a download once it is committed, and what its result is made of. */
export interface ToldDownload {
  /** Waiting, refused and kept are all that are so, those of earlier downloads too. */
  readonly counts: DownloadCounts;
  /** True: rows that are gone were deleted, not deactivated. */
  readonly deletes: boolean;
  /** The changes one by one, as far as they are told. */
  readonly told: readonly ToldChange[];
  /** Rows that are gone from the remote since the last download, and kept. */
  readonly kept: readonly NamedRow[];
  /** Rows that wait, and those that were refused this time. */
  readonly waiting: readonly RefusedRow[];
  readonly refused: readonly RefusedRow[];
  /** Rows refused this time that are only counted. */
  readonly unnamed: number;
}

/** A download that found nothing to do. */
export const NOTHING_TOLD: ToldDownload = {
  counts: NO_DOWNLOAD,
  deletes: false,
  told: [],
  kept: [],
  waiting: [],
  refused: [],
  unnamed: 0,
};

const MESSAGES = { new: 'new row', changed: 'row changed', gone: 'row deactivated' } as const;

/** Tells what a download has done, a line for each row; after the commit, so that nothing is told that was undone. */
export function logChanges(log: Log, table: string, download: ToldDownload): void {
  for (const change of download.told) logChange(log, table, change, download.deletes);
  const { inserted, updated, deactivated, localCount } = download.counts;
  const changes = inserted + updated + deactivated;
  if (changes > download.told.length) log.info('more rows changed', { table, rows: changes - download.told.length });
  for (const { key, name } of download.kept) log.info('row is gone from the remote, and kept', { table, key, name });
  logWaiting(log, table, download.waiting);
  logRefused(log, table, download);
  if (changes + download.kept.length === 0) log.info('up to date', { table, rows: localCount });
}

function logChange(log: Log, table: string, change: ToldChange, deletes: boolean): void {
  const { kind, key, name, changedFields, was, became, isLocalEdit } = change;
  const message = kind === 'gone' && deletes ? 'row deleted' : MESSAGES[kind];
  const facts = { table, key, name, ...(kind === 'changed' ? { changedFields, was, became } : {}) };
  if (isLocalEdit) log.info('local edit set back', { ...facts, what: message });
  else log.info(message, facts);
}

/** They come again in each cycle until their row is there, so one line must do. */
function logWaiting(log: Log, table: string, waiting: readonly RefusedRow[]): void {
  if (waiting.length === 0) return;
  log.info('rows wait for a row of another table', {
    table,
    rows: waiting.length,
    constraints: [...new Set(waiting.map(({ failure }) => failure.place.constraint))],
    keys: waiting.slice(0, MAX_NAMED_ROWS).map(({ key }) => key),
  });
}

function logRefused(log: Log, table: string, { refused, unnamed }: ToldDownload): void {
  for (const { key, name, failure } of refused.slice(0, MAX_LOGGED_ROWS)) {
    const { column, constraint } = failure.place;
    log.warn('row refused', {
      table,
      key,
      name,
      column,
      constraint,
      sqlstate: failure.sqlstate,
      reason: failure.message,
    });
  }
  const more = Math.max(0, refused.length - MAX_LOGGED_ROWS) + unnamed;
  if (more > 0) log.warn('more rows refused', { table, rows: more });
}

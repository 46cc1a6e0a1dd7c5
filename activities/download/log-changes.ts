import { MAX_NAMED_ROWS } from '../../src/model/operations.js';
import type { Log } from '../attempt.js';
import type { RefusedRow } from './apply-changes.js';
import type { Download } from './make-equal.js';

/** Tells what a download has done, a line for each row; after the commit, so that nothing is told that was undone. */
export function logChanges(log: Log, table: string, download: Download): void {
  for (const { key, name } of download.inserted) log.info('new row', { table, key, name });
  for (const { key, name, changedFields } of download.updated) {
    log.info('row changed', { table, key, name, changedFields });
  }
  for (const { key, name } of download.deactivated) log.info('row deactivated', { table, key, name });
  logWaiting(log, table, download.waiting);
  logRefused(log, table, download.refused);
  const changes = download.inserted.length + download.updated.length + download.deactivated.length;
  if (changes === 0) log.info('up to date', { table, rows: download.localCount });
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

function logRefused(log: Log, table: string, refused: readonly RefusedRow[]): void {
  for (const { key, name, failure } of refused.slice(0, MAX_NAMED_ROWS)) {
    const { column, constraint } = failure.place;
    log.warn('row refused', { table, key, name, column, constraint, sqlstate: failure.sqlstate });
  }
  if (refused.length > MAX_NAMED_ROWS) log.warn('more rows refused', { table, rows: refused.length - MAX_NAMED_ROWS });
}

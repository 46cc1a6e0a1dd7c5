import { toTableName } from '../../../src/model/table.js';
import type { Database } from '../../../src/postgres/session.js';
import type { Log } from '../../attempt.js';
import type { UploadPlan } from './plan-upload.js';

/**
 * What was logged last about the tables of a site, by its local database: a worker opens that once, and a drain plans
 * anew in each cycle. It only keeps a line from being said again, so it may be lost with the process.
 */
const lastSaid = new WeakMap<Database, string>();

/** Logs what is lost between the two tables: once in a worker's life, and again whenever it becomes something else. */
export function warnOnce({ local, readings, transfer }: UploadPlan, log: Log): void {
  const table = toTableName(readings.table);
  const said = JSON.stringify([table, transfer.localOnly, transfer.rounded]);
  if (lastSaid.get(local) === said) return;
  lastSaid.set(local, said);
  if (transfer.localOnly.length > 0) {
    log.warn('columns stay behind, since the remote table does not take them', { table, columns: transfer.localOnly });
  }
  if (transfer.rounded.length > 0) {
    log.warn('columns are stored less exactly on the remote, as the settings allow', {
      table,
      columns: transfer.rounded,
    });
  }
}

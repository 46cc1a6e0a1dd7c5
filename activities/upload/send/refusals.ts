import {
  DEFAULT_REFUSED_SHARE,
  maxRefused,
  type RefusedPlace,
  type Refusal,
  summarize,
} from '../../../src/model/refusal.js';
import { type QueueTable, toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';

/** What a failure says of the reading that it was for. */
export function toRefusal({ sqlstate, place, message }: DatabaseFailure): Refusal {
  const { constraint, table, column } = place;
  return { sqlstate, constraint, table, columns: column === null ? [] : [column], message };
}

/**
 * Makes sure that the culprits of a batch are few: when many readings are refused the remote itself has changed, and a
 * quarantine full of good readings would hide that.
 * @throws DatabaseFailure `data` - says how many were refused so far and why; nothing is noted, nothing moved
 */
export function checkRefused(
  { table, maxRefusedShare = DEFAULT_REFUSED_SHARE }: QueueTable,
  selected: number,
  refused: readonly RefusedPlace[],
): void {
  const most = maxRefused(selected, maxRefusedShare);
  if (refused.length <= most) return;
  const name = toTableName(table);
  const message =
    `remote database: more than ${most} of the ${selected} readings of a batch are refused by ${name}. So many point to a ` +
    `fault of the remote: none was put in quarantine, and the batch stays at the site. Refused so far: ${summarize(refused)}`;
  // The readings may be bad after all, and only a person can tell.
  const next =
    'Fix what refuses them on the remote. Only if the readings themselves are bad, and so many are to wait in quarantine: ' +
    `raise METER_SYNC_QUARANTINE_SHARE (now ${Math.round(maxRefusedShare * 100)} percent) and restart the worker. ` +
    'The upload is tried again after growing waits; at once with: meter-sync sync-now --wait';
  const sqlstate = refused[0]?.refusal.sqlstate ?? null;
  throw new DatabaseFailure('data', message, { side: 'remote', table: name, sqlstate, next });
}

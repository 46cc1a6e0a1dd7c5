import { maxRefused, type RefusedPlace, type Refusal, summarize } from '../../src/model/refusal.js';
import { type QueueTable, toTableName } from '../../src/model/table.js';
import { DatabaseFailure } from '../../src/postgres/errors.js';

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
  { table, maxRefusedShare }: QueueTable,
  selected: number,
  refused: readonly RefusedPlace[],
): void {
  const most = maxRefused(selected, maxRefusedShare);
  if (refused.length <= most) return;
  const name = toTableName(table);
  throw new DatabaseFailure(
    'data',
    `remote database: more than ${most} of ${selected} readings are refused by ${name}, so the remote is to blame and ` +
      `not the readings; none was put in quarantine and none moved. So far: ${summarize(refused)}`,
    { side: 'remote', table: name, sqlstate: refused[0]?.refusal.sqlstate ?? null },
  );
}

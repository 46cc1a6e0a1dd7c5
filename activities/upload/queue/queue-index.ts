import type { QueueTable } from '../../../src/model/table.js';
import { idents, relation } from '../../../src/postgres/identifier.js';
import { plain, type Statement } from '../../../src/postgres/statement.js';
import { isQueued } from './queue.js';

/**
 * Makes the planner of a transaction go along the queue's index.
 *
 * In the middle of a large backlog the statistics are of a table that was larger, and the planner reads all of it for each
 * batch: 10M readings took ten times as long (2026-11-23). Or it sorts whole rows on disk, with the help of more processes
 * than a site should give. The index has each stretch, and in its order.
 */
export function useIndex(): Statement {
  const unwanted = ['enable_seqscan', 'enable_bitmapscan', 'enable_sort'];
  const settings = [
    ...unwanted.map((name) => [name, 'off']),
    ['enable_indexscan', 'on'], // a role may have it off
    ['max_parallel_workers_per_gather', '0'],
  ];
  const calls = settings.map(([name, value]) => `set_config('${name}', '${value}', true)`);
  return plain(`select ${calls.join(', ')}`);
}

/**
 * Whether an index, a row of `pg_index`, holds all that is queued: it is of all rows, or its condition says our words. Where
 * readings stay, marked, only the latter serves: in an index of all rows millions of them lie below those that wait.
 * @param name SQL of the flag's name; an empty text: there is none
 */
export function indexesQueue(index: string, name: string, { flag, keepDays = 0 }: QueueTable): string {
  const isPartial = `pg_get_expr(${index}.indpred, ${index}.indrelid) = '(' || quote_ident(${name}) || ' IS NOT TRUE)'`;
  return flag !== null && keepDays > 0 ? `(${isPartial})` : `(${index}.indpred is null or ${isPartial})`;
}

/** What an index must begin with to give the queue in its order. */
export function indexColumns({ order, key }: QueueTable): string[] {
  return [...new Set([order, ...key])];
}

/** The statement that makes such an index; PostgreSQL takes a partial one for no other words than these. */
export function createIndex(readings: QueueTable, way: '' | 'concurrently '): string {
  const queued = readings.flag === null ? '' : ` where ${isQueued(readings)}`;
  return `create index ${way}on ${relation(readings.table)} (${idents(indexColumns(readings))})${queued}`;
}

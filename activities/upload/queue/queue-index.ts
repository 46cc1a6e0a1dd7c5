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

/** Whether an index, a row of `pg_index`, holds all that is queued: it is of all rows, or its condition says our words. */
export function indexesQueue(index: string, flag: string): string {
  const printed = `'(' || quote_ident(${flag}) || ' IS NOT TRUE)'`;
  return `(${index}.indpred is null or pg_get_expr(${index}.indpred, ${index}.indrelid) = ${printed})`;
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

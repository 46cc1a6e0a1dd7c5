import type { Statement } from '../../../src/postgres/statement.js';

/**
 * Makes the planner of a transaction go along the queue's index.
 *
 * In the middle of a large backlog the statistics are of a table that was larger, and the planner reads all of it for each
 * batch: 10M readings took ten times as long (2026-11-23). Or it sorts whole rows on disk, with the help of more processes
 * than a site should give. The index has each stretch, and in its order.
 */
export function useIndex(): Statement {
  const unwanted = ['enable_seqscan', 'enable_bitmapscan', 'enable_sort'];
  const settings = [...unwanted.map((name) => [name, 'off']), ['max_parallel_workers_per_gather', '0']];
  const calls = settings.map(([name, value]) => `set_config('${name}', '${value}', true)`);
  return { text: `select ${calls.join(', ')}`, values: [] };
}

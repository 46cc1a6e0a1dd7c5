import { readQueue } from '../../activities/upload/plan/plan-upload.js';
import {
  BOTTOM,
  deleteReadings,
  type Place,
  type Queue,
  selectAny,
  selectBoundary,
  selectReadings,
  type Stretch,
} from '../../activities/upload/queue/queue.js';
import { readQueueFigures } from '../../activities/upload/queue/queue-figures.js';
import { useIndex } from '../../activities/upload/queue/queue-index.js';
import { run } from '../../src/postgres/session.js';
import type { Statement } from '../../src/postgres/statement.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { publish, type ResultFiles } from '../files.js';
import { describeMachine, type Machine, readMachine } from '../machine.js';
import { count, toTable } from '../markdown.js';
import { openDatabase } from '../open-database.js';
import { endProgress, showProgress } from '../progress.js';
import { sql, withServers } from '../servers.js';
import { BATCH_ROWS, READINGS } from '../upload/product.js';
import { makeBacklog } from '../upload/shapes.js';
import { explain, type Explained } from './explain.js';

/** What is left when nearly everything has been uploaded, and uploaded readings stay for a while. */
const REMAINDER_ROWS = 1_000;

/** A statement of the queue, and how the server ran it. */
interface PlanLine extends Omit<Explained, 'pages'> {
  /** Null: several statements, not looked at one by one. */
  readonly pages: number | null;
  readonly table: string;
  readonly index: string;
  readonly statement: string;
}

/** How the queue's statements ran; the JSON file that is committed. */
export interface PlansResult {
  readonly discipline: 'plans';
  readonly rows: number;
  readonly lines: readonly PlanLine[];
  readonly machine: Machine;
}

/**
 * Looks at the plans of the queue's statements, with and without the index that serves it.
 * @returns whether the queue is counted in time
 */
export async function benchPlans(rows: number, files: ResultFiles): Promise<boolean> {
  return withServers(async (servers) => {
    const lines: PlanLine[] = [];
    for (const { table, make, queuedRows } of casesOf(rows)) {
      showProgress(`making a table: ${table}`);
      await sql(servers.local.url(), 'drop database if exists queue with (force)');
      await sql(servers.local.url(), 'create database queue');
      const url = servers.local.url('queue');
      for (const text of make) await sql(url, text);
      for (const index of ['yes', 'no']) {
        if (index === 'no') await sql(url, 'drop index meter_readings_queue');
        const looked = await lookAt(url, { queuedRows, hasIndex: index === 'yes' });
        lines.push(...looked.map((line) => ({ table, index, ...line })));
      }
    }
    endProgress();
    const machine = await readMachine(servers);
    const result: PlansResult = { discipline: 'plans', rows, lines, machine };
    return publish(result, toPlansMarkdown(result), files);
  });
}

interface Case {
  readonly table: string;
  readonly make: readonly string[];
  readonly queuedRows: number;
}

/** A backlog; one that is half drained, before the server has tidied up; and a small queue in a large table. */
function casesOf(rows: number): Case[] {
  const settled = 'vacuum analyze meter_readings';
  const untidied = `
    alter table meter_readings set (autovacuum_enabled = false);
    delete from meter_readings where created_at <= (
      select created_at from meter_readings order by created_at offset ${Math.floor(rows / 2)} limit 1)`;
  return [
    { table: `all ${count(rows)} queued`, make: [makeBacklog(rows, rows), settled], queuedRows: rows },
    {
      table: 'half of them drained, not yet vacuumed',
      make: [makeBacklog(rows, rows), settled, untidied],
      queuedRows: Math.floor(rows / 2),
    },
    {
      table: `${count(REMAINDER_ROWS)} of ${count(rows)} queued`,
      make: [makeBacklog(rows, REMAINDER_ROWS), settled],
      queuedRows: REMAINDER_ROWS,
    },
  ];
}

type Looked = Omit<PlanLine, 'table' | 'index'>;

async function lookAt(
  url: string,
  { queuedRows, hasIndex }: { queuedRows: number; hasIndex: boolean },
): Promise<Looked[]> {
  const local = openDatabase('local', url);
  const never = new AbortController().signal;
  const options = { isolation: 'repeatable read, read only', signal: never } as const;
  try {
    const queue = await withTransaction(local, options, (session) => readQueue(session, READINGS));
    const boundary = (place: Place, limit: number): Promise<Stretch> =>
      withTransaction(local, options, async (session) => {
        const [row] = await run<{ boundary_order: string; boundary_key: string }>(
          session,
          selectBoundary(queue, place, limit),
        );
        const key = row === undefined ? [] : (JSON.parse(row.boundary_key) as string[]);
        return { ...place, upTo: row === undefined ? null : { order: row.boundary_order, key } };
      });
    const half = await boundary(BOTTOM, Math.ceil(queuedRows / 2));
    const first = await boundary(BOTTOM, BATCH_ROWS);
    const middle: Place = { hasOrder: true, section: 0, above: half.upTo };
    const looked: Looked[] = [];
    for (const [statement, sqlText] of statementsOf(queue, first, middle, await boundary(middle, BATCH_ROWS))) {
      showProgress(statement);
      looked.push({ statement, ...(await explain(url, sqlText, hasIndex ? [useIndex()] : [])) });
    }
    const startedAt = performance.now();
    await readQueueFigures(local, queue, never);
    const milliseconds = performance.now() - startedAt;
    return [
      ...looked,
      { statement: 'count of the queue, as the product asks it', milliseconds, pages: null, nodes: '' },
    ];
  } finally {
    await local.pool.end();
  }
}

function statementsOf(queue: Queue, first: Stretch, middle: Place, next: Stretch): [string, Statement][] {
  const columns = COLUMNS.map((name) => ({ name, maxLength: null, inZone: null }));
  const copied = (stretch: Stretch): Statement => ({ text: selectReadings(queue, columns, stretch), values: [] });
  return [
    ['boundary of the first batch', selectBoundary(queue, BOTTOM, BATCH_ROWS)],
    ['boundary of a batch in the middle', selectBoundary(queue, middle, BATCH_ROWS)],
    ['whether any is left', selectAny(queue, BOTTOM)],
    ["COPY's select of the first batch", copied(first)],
    ["COPY's select in the middle", copied(next)],
    ['delete of the first batch', deleteReadings(queue, first)],
    ['delete in the middle', deleteReadings(queue, next)],
  ];
}

const COLUMNS = ['id', 'meter_id', 'created_at', 'value', 'unit', 'metadata'];

/** The result as Markdown. */
export function toPlansMarkdown({ lines, machine }: PlansResult): string {
  return [
    `### Plans of the queue's statements, batches of ${count(BATCH_ROWS)}`,
    '',
    toTable([
      ['queue', 'index', 'statement', 'ms', 'pages', 'plan'],
      ...lines.map(({ table, index, statement, milliseconds, pages, nodes }) => [
        table,
        index,
        statement,
        milliseconds.toFixed(1),
        pages === null ? '' : count(pages),
        nodes,
      ]),
    ]),
    '',
    describeMachine(machine),
    '',
  ].join('\n');
}

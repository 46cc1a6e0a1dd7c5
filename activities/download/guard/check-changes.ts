import { createHash } from 'node:crypto';
import {
  DEFAULT_GUARD,
  findHoldReasons,
  type GuardFigures,
  type GuardRules,
  type HoldReason,
  MIN_GUARDED_ROWS,
} from '../../../src/model/guard.js';
import { ident, literal, relation } from '../../../src/postgres/identifier.js';
import { run, runAll, type Session } from '../../../src/postgres/session.js';
import { type ChangeCounts, CHANGES } from '../compare/changes.js';
import type { HeldExample, OpenHold } from './hold.js';
import { HeldChanges } from './held-changes.js';
import { countUntouched, type TableMemory } from '../compare/memory.js';
import type { Parts } from '../compare/parts.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { keyHash } from '../compare/hashes.js';
import { describe, isNew } from '../compare/row-terms.js';
import { GONE, hashNames, LOCAL_ROWS, REMOTE_ROWS, STAGED, TROUBLE } from '../compare/staging.js';
import { toShortRow } from '../history/told-changes.js';

/** What the guard knows besides the change set. */
export interface Watch {
  readonly memory: TableMemory;
  /** The parts that were looked into; the others are as they were. */
  readonly touched: Parts;
  /** Absent: those of a site that sets none; null: nothing is held. */
  readonly guard?: GuardRules | null;
  /** What was held when this download began. */
  readonly hold?: OpenHold | null;
}

/**
 * Called once a download, when all its changes are known and none is applied: to throw is to change nothing.
 *
 * A table that is empty at the remote, has lost a large share of its rows, or has another value in nearly all of them is a
 * mistake far more often than an order. It is held, unless a person has approved this very change set.
 * @returns true when it was approved, and would be held else
 * @throws HeldChanges - what was found, to be noted outside of this transaction
 */
export async function checkChanges(
  here: Session,
  plan: DownloadPlan,
  counts: ChangeCounts,
  { memory, touched, guard = DEFAULT_GUARD, hold = null }: Watch,
): Promise<boolean> {
  if (guard === null || counts.localRows === 0) return false;
  const reasons = findHoldReasons(await measure(here, plan, counts, { memory, touched }), guard);
  if (reasons.length === 0) return false;
  const fingerprint = await takeFingerprint(here, plan);
  if (hold?.change === fingerprint && hold.decided?.decision === 'approve') return true;
  throw new HeldChanges({
    fingerprint,
    figures: await toFigures(here, plan, counts, reasons),
    examples: await readExamples(here, plan),
  });
}

interface CountRow {
  readonly rows: string;
}

async function measure(
  here: Session,
  plan: DownloadPlan,
  counts: ChangeCounts,
  { memory, touched }: Pick<Watch, 'memory' | 'touched'>,
): Promise<GuardFigures> {
  const isSuspect = counts.columns.some(({ rows }) => rows >= MIN_GUARDED_ROWS);
  const [gone, columns, common] = (await runAll(here, [
    countGone(plan),
    isSuspect ? countOverwritten(plan) : 'select where false',
    isSuspect
      ? `select count(*)::text as rows from ${LOCAL_ROWS} as l join ${REMOTE_ROWS} as r using (key_hash)
         where not exists (select from ${TROUBLE} as t where t.key_hash = l.key_hash)` // of what the site's types refuse nothing is known
      : 'select where false',
  ])) as [CountRow[], (CountRow & { column: string })[], CountRow[]];
  return {
    remoteRows: counts.remoteRows,
    knownRows: Math.min(Number(memory.remote_rows), counts.localRows),
    goneRows: Number(gone[0]?.rows ?? 0),
    commonRows: Number(common[0]?.rows ?? 0) + (isSuspect ? await countUntouched(here, memory, touched) : 0),
    columns: columns.map(({ column, rows }) => ({ column, rows: Number(rows) })),
  };
}

/**
 * Where rows that are gone are kept, the change set has none of them; they are a sign all the same. So are rows that the
 * remote itself has switched off.
 */
function countGone({ absence }: DownloadPlan): string {
  if (absence.rule === 'keep') return `select count(*)::text as rows from ${GONE} where state is distinct from 'gone'`;
  const isOff =
    absence.rule === 'deactivate'
      ? ` or kind = 'changed' and becomes ->> ${literal(absence.column)} = ${literal(absence.value)}`
      : '';
  return `select count(*)::text as rows from ${CHANGES} where (kind = 'gone'${isOff}) and not is_local_edit`;
}

/** A new column fills what was null, and a row that is back is active again: neither overwrites anything. */
function countOverwritten({ absence, carried }: DownloadPlan): string {
  const isMark = absence.rule === 'deactivate' && !carried.includes(absence.column);
  return `
    select f.name as column, count(*)::text as rows
    from ${CHANGES} as c, unnest(c.fields) as f(name)
    where c.kind = 'changed'
      and not c.is_local_edit
      and ((c.was -> f.name) is null or (c.was ->> f.name) is not null)
      ${isMark ? `and f.name <> ${literal(absence.column)}` : ''}
    group by 1
    order by count(*) desc, 1
    limit 10`;
}

/** By what the remote has now, so that it is the same in each cycle as long as the remote is. */
async function takeFingerprint(here: Session, plan: DownloadPlan): Promise<string> {
  const hashOf = (parts: string): string =>
    `concat(count(*), ' ', coalesce(sum(hashtextextended(concat_ws(' ', ${parts}) collate "C", 0)), 0)) as sum`;
  const names = hashNames(plan);
  const sums = (await runAll(here, [
    `select ${hashOf('c.kind, c.key_hash, r.row_hash')}
     from ${CHANGES} as c left join ${REMOTE_ROWS} as r on r.key_hash = c.key_hash where not c.is_local_edit`,
    `select ${hashOf('g.key_hash')} from ${GONE} as g where g.state is distinct from 'gone'`,
    `select ${hashOf(`s.${ident(names.key)}, s.${ident(names.row)}`)} from ${STAGED} as s where ${isNew(plan)}`,
  ])) as { sum: string }[][];
  return createHash('sha256').update(JSON.stringify(sums)).digest('hex').slice(0, FINGERPRINT_LENGTH);
}

/** Short enough to be typed, and long enough to tell two change sets of one table apart. */
const FINGERPRINT_LENGTH = 12;

async function toFigures(
  here: Session,
  plan: DownloadPlan,
  { remoteRows, localRows, inserted, updated }: ChangeCounts,
  reasons: readonly HoldReason[],
): Promise<HeldChanges['found']['figures']> {
  const { rule: goneRule } = plan.absence;
  const counted =
    goneRule === 'keep' ? countGone(plan) : `select count(*)::text as rows from ${CHANGES} where kind = 'gone'`;
  const [gone] = await run<CountRow>(here, { text: counted, values: [] });
  return { remoteRows, localRows, inserted, updated, gone: Number(gone?.rows ?? 0), goneRule, reasons };
}

/** So many rows of each kind are noted for people. */
const MAX_EXAMPLES = 10;

interface ExampleRow {
  readonly kind: HeldExample['kind'];
  readonly key: string;
  readonly name: string | null;
  readonly fields: string;
}

async function readExamples(here: Session, plan: DownloadPlan): Promise<readonly HeldExample[]> {
  const ofKind = (kind: string): string =>
    `(select c.kind, c.key, c.name, array_to_json(c.fields[1:${MAX_EXAMPLES}])::text as fields from ${CHANGES} as c where c.kind = '${kind}' order by c.place limit ${MAX_EXAMPLES})`;
  const kept = `(select 'gone' as kind, ${describe(plan, 'l')}, '[]' as fields
    from ${relation(plan.table)} as l join ${GONE} as g on g.key_hash = ${keyHash(plan, 'local', 'l')} limit ${MAX_EXAMPLES})`;
  const [rows] = (await runAll(here, [
    [plan.absence.rule === 'keep' ? kept : ofKind('gone'), ofKind('changed'), ofKind('new')].join(' union all '),
  ])) as [ExampleRow[]];
  return rows.map(({ kind, key, name, fields }) => ({
    kind,
    ...toShortRow({ key: JSON.parse(key) as string[], name }),
    fields: JSON.parse(fields) as string[],
  }));
}

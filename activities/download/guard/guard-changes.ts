import { createHash } from 'node:crypto';
import {
  DEFAULT_GUARD,
  findHoldReasons,
  type GuardFigures,
  type GuardRules,
  MIN_GUARDED_ROWS,
} from '../../../src/model/guard.js';
import { toShortRow } from '../../../src/model/download-outcome.js';
import { relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { plain } from '../../../src/postgres/statement.js';
import type { Look } from '../compare/compare-ends.js';
import { type Changes, countOverwritten } from '../compare/find-changes.js';
import type { TableMemory } from '../compare/memory.js';
import { CHANGES, DIFFERENCES } from '../compare/tables.js';
import { keyHash } from '../plan/hashes.js';
import type { DownloadPlan } from '../plan/plan-download.js';
import { describe } from '../plan/row-terms.js';
import { askAll } from '../plan/sessions.js';
import { HeldChanges } from './settle-hold.js';
import type { HeldExample, OpenHold } from './hold.js';

/** The site's side of the judgement: what it remembers, its rules, and what is held already. */
export interface Watch {
  readonly memory: TableMemory;
  /** Absent: those of a site that sets none; null: nothing is held. */
  readonly guard?: GuardRules | null;
  /** What was held when this download began. */
  readonly hold: OpenHold | null;
}

/**
 * Called once a download, when all its changes are known and none is applied: to throw is to change nothing. A remote that
 * suddenly has far fewer rows, or another value in one column of nearly all of them, is a
 * mistake far more often than an order. It is held, unless a person has approved this very change set.
 * @returns true when it was approved, and would be held else
 * @throws HeldChanges - what was found, to be noted outside of this transaction
 */
export async function guardChanges(
  here: Session,
  look: Look,
  changes: Changes,
  { memory, guard = DEFAULT_GUARD, hold }: Watch,
): Promise<boolean> {
  const { plan } = look;
  const [remoteRows, localRows] = [Number(look.remote.rows), Number(look.local.rows)];
  if (guard === null || localRows === 0) return false;
  const reasons = findHoldReasons(
    {
      remoteRows,
      knownRows: Math.min(Number(memory.remote_rows), localRows),
      goneRows: changes.takenAway,
      ...(await measureColumns(here, plan, changes, remoteRows)),
    },
    guard,
  );
  if (reasons.length === 0) return false;
  const fingerprint = await takeFingerprint(here);
  if (hold?.change === fingerprint && hold.decided?.decision === 'approve') return true;
  const { inserted, updated, takenAway } = changes;
  const { rule: goneRule } = plan.absence;
  const gone = goneRule === 'keep' ? takenAway : changes.gone;
  const figures = { remoteRows, localRows, inserted, updated, gone, goneRule, reasons };
  throw new HeldChanges({ fingerprint, figures, examples: await readExamples(here, plan) });
}

/** A row that is back is active again: that overwrites nothing. Of what the site's types refuse nothing is known. */
async function measureColumns(
  here: Session,
  plan: DownloadPlan,
  { columns }: Changes,
  remoteRows: number,
): Promise<Pick<GuardFigures, 'columns' | 'commonRows'>> {
  const { absence, carried } = plan;
  const isMark = (column: string): boolean =>
    absence.rule === 'deactivate' && column === absence.column && !carried.includes(column);
  const suspects = columns.filter(({ column, rows }) => rows >= MIN_GUARDED_ROWS && !isMark(column));
  if (suspects.length === 0) return { columns: [], commonRows: 0 };
  const names = suspects.map(({ column }) => column);
  const counted = [...(await countOverwritten(here, plan, names))];
  counted.sort((one, other) => other.rows - one.rows || (one.column < other.column ? -1 : 1));
  const [apart] = await run<{ rows: string }>(
    here,
    plain(
      `select count(*)::text as rows from ${DIFFERENCES} where remote_hash is not null and (local_hash is null or trouble is not null)`,
    ),
  );
  return { columns: counted, commonRows: remoteRows - Number(apart?.rows ?? 0) };
}

/** By what the remote has now, so that it is the same in each cycle as long as the remote is. */
async function takeFingerprint(here: Session): Promise<string> {
  const sum = (parts: string): string =>
    `concat(count(*), ' ', coalesce(sum(hashtextextended(concat_ws(' ', ${parts}) collate "C", 0)), 0)) as sum`;
  const sums = await askAll<Record<'changes' | 'gone', { sum: string }[]>>(here, {
    changes: `select ${sum('c.kind, c.key_hash, d.remote_hash')} from ${CHANGES} as c join ${DIFFERENCES} as d on d.key_hash = c.key_hash where not c.is_local_edit`,
    gone: `select ${sum('key_hash')} from ${DIFFERENCES} where is_gone and state is distinct from 'gone'`,
  });
  return createHash('sha256').update(JSON.stringify(sums)).digest('hex').slice(0, FINGERPRINT_LENGTH);
}

/** Short enough to be typed, and long enough to tell two change sets of one table apart. */
const FINGERPRINT_LENGTH = 12;

/** Of each kind; enough to see what a change set does, and little enough for the one row of a hold. */
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
    from ${relation(plan.table)} as l join ${DIFFERENCES} as d on d.is_gone and d.key_hash = ${keyHash(plan, 'local', 'l')} limit ${MAX_EXAMPLES})`;
  const gone = plan.absence.rule === 'keep' ? kept : ofKind('gone');
  const rows = await run<ExampleRow>(here, plain([gone, ofKind('changed'), ofKind('new')].join(' union all ')));
  return rows.map(({ kind, key, name, fields }) => ({
    kind,
    ...toShortRow({ key: JSON.parse(key) as string[], name }),
    fields: JSON.parse(fields) as string[],
  }));
}

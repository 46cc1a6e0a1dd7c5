import { toCount, toRows } from './words.js';

/*
 * The remote owns meters and tenants, and may still be wrong: emptied by accident, half restored, another database behind
 * the same name. A change set that looks like that is held for a person; rows that are only new never are.
 */

/** What a set share means to the guard. */
export interface GuardRules {
  /** More than this share of the rows gone holds a download; 1: however many are gone, short of all. */
  readonly share: number;
}

/** The rules of a site that sets none; the default of the settings is made from them. */
export const DEFAULT_GUARD: GuardRules = { share: 0.2 };

/** Fewer rows than these are changed by hand, and are no sign of anything. */
export const MIN_GUARDED_ROWS = 10;
/** A column that changes in so many of the rows has changed in almost every one. */
const COLUMN_SHARE = 0.9;

/** What the guard looks at of a change set. Edits of the site that are set back do not count: the remote did not change. */
export interface GuardFigures {
  readonly remoteRows: number;
  /** Rows here that the remote had at the last download. */
  readonly knownRows: number;
  /** Of them, those that the remote no longer has. */
  readonly goneRows: number;
  /** Rows that both ends have. */
  readonly commonRows: number;
  /** In how many of these the remote overwrites a value of a column. */
  readonly columns: readonly { readonly column: string; readonly rows: number }[];
}

/** Why a download is held. */
type HoldReason =
  | { readonly rule: 'empty'; readonly rows: number }
  | { readonly rule: 'gone'; readonly rows: number; readonly of: number }
  | { readonly rule: 'column'; readonly column: string; readonly rows: number; readonly of: number };

/** Every reason to hold a change set; none: it is applied. */
export function findHoldReasons(figures: GuardFigures, { share }: GuardRules): readonly HoldReason[] {
  const { remoteRows, knownRows, goneRows, commonRows, columns } = figures;
  const reasons: HoldReason[] = [];
  if (remoteRows === 0 && goneRows > 0) reasons.push({ rule: 'empty', rows: goneRows });
  else if (share < 1 && goneRows >= MIN_GUARDED_ROWS && goneRows > share * knownRows) {
    reasons.push({ rule: 'gone', rows: goneRows, of: Math.max(knownRows, goneRows) });
  }
  for (const { column, rows } of columns) {
    if (rows < MIN_GUARDED_ROWS || rows < COLUMN_SHARE * commonRows) continue;
    reasons.push({ rule: 'column', column, rows, of: Math.max(commonRows, rows) });
  }
  return reasons.slice(0, MAX_REASONS);
}

/** A table of a hundred columns that all change is told by a few of them. */
const MAX_REASONS = 5;

/** What a person says to a held change set. */
export const DECISIONS = ['approve', 'reject'] as const;
/** One of them. */
export type Decision = (typeof DECISIONS)[number];

/** What a held change set would do, in rows. */
export interface HeldFigures {
  readonly remoteRows: number;
  readonly localRows: number;
  readonly inserted: number;
  readonly updated: number;
  /** Rows that the remote no longer has, and what becomes of them. */
  readonly gone: number;
  readonly goneRule: 'deactivate' | 'delete' | 'keep';
  readonly reasons: readonly HoldReason[];
}

/** Who has decided, and when (ISO 8601 UTC). */
export interface DecidedBy {
  readonly decision: Decision;
  readonly by: string;
  readonly at: string;
}

/** A download that is held: nothing of it is applied until a person decides or the remote is itself again. */
export interface HeldDownload extends HeldFigures {
  readonly table: string;
  /** Names this very change set: another one of the same table has another name, and needs a decision of its own. */
  readonly change: string;
  /** ISO 8601 UTC. */
  readonly since: string;
  /** Null: nobody has decided yet. */
  readonly decided: DecidedBy | null;
}

/** Why a download is held, in one sentence without its end. */
export function describeReasons(reasons: readonly HoldReason[]): string {
  return reasons.map(describeReason).join('; ');
}

function describeReason(reason: HoldReason): string {
  if (reason.rule === 'empty')
    return `the remote table is empty for this site, and ${toRows(reason.rows)} are in use here`;
  const share = `${toCount(reason.rows)} of ${toCount(reason.of)} rows (${toPercent(reason.rows / reason.of)})`;
  return reason.rule === 'gone' ? `${share} are gone from the remote` : `column ${reason.column} changes in ${share}`;
}

const GONE_WORDS = { deactivate: 'deactivates', delete: 'deletes', keep: 'keeps, as gone,' } as const;

/** What approving would do, in one sentence without its end. */
export function describeEffect({ gone, goneRule, updated, inserted }: HeldFigures): string {
  const parts = [
    ...(gone > 0 ? [`${GONE_WORDS[goneRule]} ${toRows(gone)}`] : []),
    ...(updated > 0 ? [`changes ${toRows(updated)}`] : []),
    ...(inserted > 0 ? [`adds ${toRows(inserted)}`] : []),
  ];
  return parts.length === 0 ? 'changes nothing' : parts.join(', ');
}

function toPercent(share: number): string {
  const percent = Math.min(share, 1) * 100;
  return `${percent >= 10 ? Math.floor(percent) : Math.round(percent * 10) / 10} %`;
}

/** Decides on a held download; also the input of the update `decideDownload`. */
export interface DownloadDecision {
  readonly table: string;
  readonly decision: Decision;
  /** Who decides. */
  readonly by: string;
  /** The change set that was looked at; absent: whatever is held now. */
  readonly change?: string;
}

/** Every problem of a decision in words, none when it may be taken. */
export function findDecisionProblems(input: unknown): string[] {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return ['the decision is no object; expected one such as {"table": "meter", "decision": "approve", "by": "anna"}'];
  }
  const { table, decision, by, change } = input as Record<string, unknown>;
  const problems = [];
  if (!isText(table, 300)) problems.push('table is not given; expected the name of a table');
  if (!DECISIONS.some((known) => known === decision)) problems.push('decision is unknown; expected approve or reject');
  if (!isText(by, 200)) problems.push('by is not given; expected who decides, in 1 to 200 characters');
  if (change !== undefined && change !== null && !isText(change, 100)) {
    problems.push('change is no name of a change set; expected the one that downloads show tells');
  }
  return problems;
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= maxLength;
}

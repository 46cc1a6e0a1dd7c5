import {
  type EndedHold,
  type HistoryChange,
  type HistoryQuestion,
  type HistoryRun,
  readChanges,
  readEndedHolds,
  readRuns,
} from '../../../activities/download/history/read-history.js';
import type { Database } from '../../postgres/session.js';
import { withTransaction } from '../../postgres/transaction.js';
import type { Answer } from '../command.js';
import { toCount } from '../../model/words.js';
import { toInstant } from '../instant.js';
import type { Output } from '../output.js';

/** So many downloads and holds are listed before the rows. */
const MAX_RUNS = 10;
/** A value of any length must leave room for the others. */
const MAX_SHOWN = 60;

/** What downloads have changed at a site, from its own database: no worker is needed. */
export async function showHistory(output: Output, local: Database, question: HistoryQuestion): Promise<Answer> {
  const isolated = { isolation: 'repeatable read, read only' } as const;
  const { siteId } = question;
  const few = { ...question, limit: Math.min(question.limit, MAX_RUNS) };
  return withTransaction(local, isolated, async (here) => {
    const changes = await readChanges(here, question);
    const [runs, holds] =
      question.key === null ? [await readRuns(here, few), await readEndedHolds(here, few)] : [[], []];
    const document = { ok: true, siteId, downloads: runs, changes, holds };
    return { document, text: renderHistory(question, { runs, changes, holds }, output) };
  });
}

interface History {
  readonly runs: readonly HistoryRun[];
  readonly changes: readonly HistoryChange[];
  readonly holds: readonly EndedHold[];
}

function renderHistory({ siteId, limit }: HistoryQuestion, { runs, changes, holds }: History, output: Output): string {
  if (runs.length + changes.length + holds.length === 0) {
    return `No download of site ${siteId} that is still kept has changed anything there.`;
  }
  const now = Date.now();
  const { paint, table } = output;
  const part = (title: string, head: readonly string[], rows: readonly string[][]): string[] =>
    rows.length === 0 ? [] : ['', paint('heading', title), table(head, rows)];
  const heads = {
    runs: ['when', 'cycle', 'table', 'new', 'changed', 'gone', ''],
    holds: ['ended', 'table', 'held since', 'how', 'decided'],
    changes: ['when', 'table', 'kind', 'key', 'name', 'what was, and what became'],
  };
  const more = changes.length < limit ? [] : [`... perhaps more: --limit ${limit * 10}, --table, --key`];
  return [
    ...part(
      'Downloads that changed something',
      heads.runs,
      runs.map((run) => toRunRow(run, now)),
    ),
    ...part(
      'Holds that have ended',
      heads.holds,
      holds.map((hold) => toHoldRow(hold, now)),
    ),
    ...part(
      'Rows that were changed',
      heads.changes,
      changes.map((change) => toChangeRow(change, now)),
    ),
    ...more,
  ]
    .slice(1)
    .join('\n');
}

function toRunRow(run: HistoryRun, now: number): string[] {
  const { table, appliedAt, cycle, newRows, changedRows, goneRows, listedRows, approvedBy } = run;
  const notes = [
    ...(approvedBy === null ? [] : [`approved by ${approvedBy}`]),
    ...(listedRows < newRows + changedRows + goneRows ? ['new rows only counted'] : []),
  ];
  const counts = [newRows, changedRows, goneRows].map(toCount);
  return [toInstant(appliedAt, now), cycle === null ? '' : String(cycle), table, ...counts, notes.join(', ')];
}

function toHoldRow({ table, since, endedAt, ended, decision, decidedBy }: EndedHold, now: number): string[] {
  const decided = decision === null ? 'by nobody' : `${decision}, by ${decidedBy ?? ''}`;
  return [toInstant(endedAt, now), table, toInstant(since, now), ended, decided];
}

function toChangeRow({ appliedAt, table, kind, key, name, fields, was, became }: HistoryChange, now: number): string[] {
  const names = [...new Set([...fields, ...Object.keys(was ?? {}), ...Object.keys(became ?? {})])];
  const values = names.map((field) => {
    if (was === null) return `${field} ${toShown(became?.[field])}`;
    return became === null
      ? `${field} ${toShown(was[field])}`
      : `${field} ${toShown(was[field])} -> ${toShown(became[field])}`;
  });
  const shownKey = key.length === 1 ? (key[0] ?? '') : JSON.stringify(key);
  return [toInstant(appliedAt, now), table, kind, shownKey, name ?? '', values.join(', ')];
}

/** Control characters would move the cursor of a terminal; a value that is not there is secret. */
function toShown(value: string | null | undefined): string {
  if (value === undefined) return '(hidden)';
  if (value === null) return 'null';
  const shown = value.replace(/\p{Cc}/gu, ' ');
  return shown.length <= MAX_SHOWN ? shown : `${shown.slice(0, MAX_SHOWN - 3)}...`;
}

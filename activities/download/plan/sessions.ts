import type { OwnedTable, TableRef } from '../../../src/model/table.js';
import { literal, relation } from '../../../src/postgres/identifier.js';
import { runAll, type Session } from '../../../src/postgres/session.js';
import { HOLD_LINK, LOCK_TIMEOUT_MS } from '../../../src/postgres/transaction.js';
import { PRINTED_FORMS, TEXT_FORMS } from '../../../src/postgres/text-forms.js';

/**
 * The sessions of a download. The site's is in one transaction from first to last. The remote's has transactions of its own:
 * `compare-ends` begins them, and rolls back those of a plan that is out of date or was just read; the last one, from whose
 * snapshot all comes, ends in `fetch-different`, or in `make-equal` where nothing has to be fetched.
 */
export interface Sessions {
  readonly here: Session;
  readonly there: Session;
}

/** To compile a sum over some thousand rows takes a hundred times longer than to run it, and a server decides by its estimate. */
const NO_JIT = 'set local jit=off';

/** No question may hold the remote's server longer, whatever becomes of the worker that asked it, unless its user may do less. */
const STATEMENT_LIMIT = `set_config('statement_timeout',case when current_setting('statement_timeout')::interval between'1us'and'5min'then current_setting('statement_timeout')else'5min'end,true)`;

/**
 * Begins the remote's transaction: one snapshot, nothing is written, nothing is locked but against DDL. The lock comes before
 * the snapshot: a `truncate` that commits while we wait for the table would leave it empty to an older one. What cannot be locked,
 * a view say, is asked afterwards whether that has happened: see `read-whole`.
 * @param table - that is to be read; null: it is no table that can be locked, or not known to be one
 */
export function beginRemote(table: TableRef | null): readonly string[] {
  return [
    'begin isolation level repeatable read read only',
    `set local lock_timeout=${LOCK_TIMEOUT_MS}`,
    ...(table === null ? [] : [`lock table ${relation(table)} in access share mode`]),
    ...PRINTED_FORMS, // nothing is read there
    NO_JIT,
    `${HOLD_LINK}||${STATEMENT_LIMIT}`, // takes the snapshot, so it follows the lock
  ];
}

/**
 * Before rows are copied: over a slow link that takes as long as it takes, and as long as bytes come it is no statement that hangs.
 * What its user may is in force again.
 */
export const COPY_TAKES_ITS_TIME: readonly string[] = ['set local statement_timeout to default'];

/** Ends it, as soon as all is read: an `alter table` there need not wait for the work here. */
export const END_REMOTE: readonly string[] = ['commit'];

/** For the local transaction. A deferred constraint would speak at the commit, where no row can be told from the others. */
export const PREPARE_LOCAL: readonly string[] = [...TEXT_FORMS, 'set constraints all immediate'];

/** True when no other download of this table is under way here: the zombie of an attempt that timed out, say. */
export function tryLockDownload({ table }: OwnedTable): string {
  return `select pg_try_advisory_xact_lock(hashtextextended(${literal(`meter-sync download ${relation(table)}`)}, 0))::text as locked`;
}

/**
 * Where rows have changed: lists are joined that no statistics are kept of, and sorting both sides took a third longer than to
 * hash one (2026-11-27); those of a million rows shall stay in memory.
 */
export const PREPARE_LISTS: readonly string[] = ["set local work_mem='64MB'", 'set local enable_mergejoin=off'];

/** Statements under names, to be asked in one message; none of them takes parameters. */
export type Questions<Answers> = { readonly [name in keyof Answers]: string | readonly string[] };

/**
 * Runs statements in one message, and answers with the rows of each under its name. An entry of several statements answers with
 * the rows of its last one.
 * @throws DatabaseFailure of the session's side, for the first one that failed; those behind it were not run
 */
export async function askAll<Answers extends { readonly [name in keyof Answers]: readonly object[] }>(
  session: Session,
  questions: Questions<Answers>,
): Promise<Answers> {
  return toAnswers<Answers>(questions, await runAll(session, toTexts(questions)));
}

/** The statements in their order. */
export function toTexts(questions: Readonly<Record<string, string | readonly string[]>>): string[] {
  return Object.values(questions).flat();
}

/** The rows of each statement, as they came in that order, under its name. */
export function toAnswers<Answers>(questions: Questions<Answers>, results: readonly (readonly unknown[])[]): Answers {
  let last = -1;
  const answers = Object.entries<string | readonly string[]>(questions).map(([name, text]) => {
    const texts = [text].flat();
    last += texts.length;
    return [name, texts.length === 0 ? [] : (results[last] ?? [])] as const;
  });
  return Object.fromEntries(answers) as unknown as Answers;
}

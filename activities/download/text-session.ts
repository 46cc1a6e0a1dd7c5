/**
 * The forms of `src/postgres/text-forms.ts` in few bytes: a check of equal tables should cost no more than its figures.
 * They hold for one transaction, so a pooler may sit in between.
 */
const FORMS = [
  'set local datestyle=iso,ymd',
  'set local intervalstyle=postgres',
  'set local timezone=utc',
  'set local extra_float_digits=3',
  'set local bytea_output=hex',
  "set local lc_monetary='C'",
];

/** No statement here may hold the remote's server longer, whatever becomes of the worker that sent it. */
const STATEMENT_TIMEOUT = "set local statement_timeout='5min'";

/** Begins the remote's transaction: one snapshot, nothing is written, nothing is locked but against DDL. */
export const BEGIN_REMOTE: readonly string[] = [
  'begin isolation level repeatable read read only',
  ...FORMS,
  STATEMENT_TIMEOUT,
];

/** Ends it, as soon as all is read: an `alter table` there need not wait for the work here. */
export const END_REMOTE: readonly string[] = ['commit'];

/** For the local transaction. A deferred constraint would speak at the commit, where no row can be told from the others. */
export const PREPARE_LOCAL: readonly string[] = [...FORMS, 'set constraints all immediate'];

/** Where rows have changed, the lists of a million rows are joined. */
export const MEMORY_FOR_LISTS = "set local work_mem='64MB'";

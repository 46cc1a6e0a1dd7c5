import type { TableRef } from '../../../src/model/table.js';
import { relation } from '../../../src/postgres/identifier.js';
import { TEXT_FORMS } from '../../../src/postgres/text-forms.js';

/** No statement here may hold the remote's server longer, whatever becomes of the worker that sent it, unless its user may do less. */
const STATEMENT_TIMEOUT = `select set_config('statement_timeout',case when current_setting('statement_timeout')::interval between'1us'and'5min'then current_setting('statement_timeout')else'5min'end,true)`;

/**
 * Begins the remote's transaction: one snapshot, nothing is written, nothing is locked but against DDL. The lock comes before
 * the snapshot: a `truncate` that commits while we wait for the table would leave it empty to an older one.
 * @param table - that is to be read; null: it is no table that can be locked, or not known to be one
 */
export function beginRemote(table: TableRef | null): readonly string[] {
  return [
    'begin isolation level repeatable read read only',
    ...(table === null ? [] : ["set local lock_timeout='1min'", `lock table ${relation(table)} in access share mode`]),
    ...TEXT_FORMS,
    STATEMENT_TIMEOUT,
  ];
}

/** Ends it, as soon as all is read: an `alter table` there need not wait for the work here. */
export const END_REMOTE: readonly string[] = ['commit'];

/** For the local transaction. A deferred constraint would speak at the commit, where no row can be told from the others. */
export const PREPARE_LOCAL: readonly string[] = [...TEXT_FORMS, 'set constraints all immediate'];

/** Where rows have changed, the lists of a million rows are joined. */
export const MEMORY_FOR_LISTS = "set local work_mem='64MB'";

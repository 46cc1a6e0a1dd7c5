import type { OwnedTable } from '../../src/model/table.js';
import { ident, idents, literal, relation } from '../../src/postgres/identifier.js';
import type { Statement } from '../../src/postgres/statement.js';
import type { DownloadPlan } from './plan-download.js';

/** The remote's rows, in the local types; lives as long as the local transaction. */
export const STAGED = 'pg_temp.meter_sync_download';
/** Keys of remote rows that the local types refuse: the remote has these rows, so they are not gone. */
export const REFUSED_KEYS = 'pg_temp.meter_sync_download_refused';

/** Empty staging tables with the local table's own types, so that a value is read exactly as the table would read it. */
export function createStaging(plan: DownloadPlan): readonly Statement[] {
  const { table, key, written } = plan;
  return [
    create('meter_sync_download', `select ${idents(written)} from ${relation(table)}`),
    create('meter_sync_download_refused', `select ${idents(key)} from ${relation(table)}`),
    ...defaultToActive(plan),
  ];
}

function create(name: string, select: string): Statement {
  return { text: `create temporary table ${name} on commit drop as ${select} with no data`, values: [] };
}

/** A row that the remote has is in use, where the remote has no column that could say otherwise. */
function defaultToActive({ activity, carried }: DownloadPlan): readonly Statement[] {
  if (activity === null || carried.includes(activity)) return [];
  return [{ text: `alter table ${STAGED} alter column ${ident(activity)} set default true`, values: [] }];
}

/** COPY of the remote rows, as text: the types of the two ends may differ. */
export function copyOwned({ table, filter, carried }: DownloadPlan): string {
  return `copy (select ${idents(carried, 'r')} from ${relation(table)} as r where ${isOwned(filter, 'r')}) to stdout`;
}

/** Its other end: the rows go into the staging table. */
export function copyIntoStaged({ carried }: DownloadPlan): string {
  return `copy ${STAGED} (${idents(carried)}) from stdin`;
}

/** The COPY that notes the keys of rows that the local types cannot hold. */
export function copyIntoRefusedKeys({ key }: DownloadPlan): string {
  return `copy ${REFUSED_KEYS} (${idents(key)}) from stdin`;
}

/** True for rows of the site's tenant, or for all. COPY takes no parameters; an untyped literal takes the column's type. */
export function isOwned(filter: OwnedTable['filter'], alias: string): string {
  return filter === null ? 'true' : `${alias}.${ident(filter.column)} = ${literal(filter.value)}`;
}

/** Answers with nothing, or with an error when the filter's value is none of its column's type. */
export function tryFilter({ table, filter }: OwnedTable): Statement {
  return { text: `select from ${relation(table)} as r where ${isOwned(filter, 'r')} limit 0`, values: [] };
}

/** Rows of the tenant in the table itself, at either end. */
export function countOwned({ table, filter }: OwnedTable): Statement {
  return {
    text: `select count(*)::text as rows from ${relation(table)} as r where ${isOwned(filter, 'r')}`,
    values: [],
  };
}

/** After a bulk load nobody has looked at the table yet; without figures the joins below would be nested loops. */
export function analyzeStaged(): Statement {
  return { text: `analyze ${STAGED}`, values: [] };
}

/** How many keys the rows of `from` hold more than once, and how many rows have a key with a null in it. */
export function countBadKeys({ key }: OwnedTable, from: string): Statement {
  const isNull = key.map((name) => `r.${ident(name)} is null`).join(' or ');
  return {
    text: `
      select count(*) filter (where k.rows > 1 and not k.has_null)::text as repeated,
        coalesce(sum(k.rows) filter (where k.has_null), 0)::text as incomplete
      from (
        select count(*) as rows, ${isNull} as has_null
        from ${from} as r
        group by ${idents(key, 'r')}
      ) as k`,
    values: [],
  };
}

/** True when no other download of this table is under way here: the zombie of an attempt that timed out, say. */
export function tryLockDownload({ table }: OwnedTable): Statement {
  return {
    text: `select pg_try_advisory_xact_lock(hashtextextended($1::text, 0))::text as locked`,
    values: [`meter-sync download ${relation(table)}`],
  };
}

/** A deferred constraint would speak at the commit, where no row can be told from the others. */
export function checkConstraintsAtOnce(): Statement {
  return { text: 'set constraints all immediate', values: [] };
}

import type { Side } from '../../../src/model/failures.js';
import { type QueueTable, toTableName } from '../../../src/model/table.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { idents, relation } from '../../../src/postgres/identifier.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import type { Statement } from '../../../src/postgres/statement.js';
import { keepingOf } from '../keep/kept-readings.js';
import { indexesQueue } from '../queue/queue-index.js';
import { type Overlap, selectOverlap } from './overlap.js';
import { selectObstacles } from './removal.js';

/** What a database says of its user and of itself, as far as an upload depends on it. Every value is text. */
export interface EndFacts {
  /** Quoted where it must be, as the database's name is. */
  readonly user_name: string;
  readonly database_name: string;
  /** `true` on a standby, or where transactions only read by default. */
  readonly only_reads: string;
  /** `true` when an index over all queued readings begins with the order column. */
  readonly has_order_index: string;
  readonly overlap: Overlap;
  readonly encoding: string;
  /** As a number: 150018. */
  readonly version: string;
  /** JSON arrays of columns: rights on columns are as good as rights on the table, save for removing. */
  readonly selectable: string;
  readonly insertable: string;
  /** At the site, where readings that have arrived are marked; else an empty array. */
  readonly updatable: string;
  readonly may_delete: string;
  readonly may_make_temporary: string;
  /** A JSON array of columns and their types that the user may not use in a table of its own, as [column, type]. */
  readonly closed_types: string;
  /** A JSON array of enabled event triggers that see each new table, temporary ones among them; quoted where they must be. */
  readonly ddl_triggers: string;
  /** At the site: what keeps rows from being removed, as the catalogue tells; null: nothing. */
  readonly obstacles: string | null;
  /** A JSON array of rights that are missing on our bookkeeping, as `select, insert on meter_sync.custody`. */
  readonly missing_on_bookkeeping: string;
}

/** What a run does with the tables of our bookkeeping. */
const BOOKKEEPING: Readonly<Record<Side, Readonly<Record<string, readonly string[]>>>> = {
  local: {
    upload_state: ['select', 'insert', 'delete'],
    upload_claim: ['select', 'insert', 'update', 'delete'],
    quarantine: ['select', 'insert', 'update', 'delete'],
    site_key: ['select'],
    delivered_batch: ['select', 'insert', 'delete'],
    delivered_columns: ['select', 'insert'],
    lost_at_remote: ['select', 'insert', 'update'],
    kept_reading: ['select', 'insert', 'delete'],
    day_state: ['select', 'insert', 'delete'],
  },
  remote: {
    custody: ['select', 'insert'],
    custody_columns: ['select', 'insert'],
    custody_key: ['select', 'insert'],
    custody_seal: ['select', 'insert'],
  },
};

/** Reads what the session's database says, in one trip. @throws DatabaseFailure `unreachable` */
export async function readEndFacts(session: Session, readings: QueueTable): Promise<EndFacts> {
  const { side } = session;
  const [facts] = await run<EndFacts>(session, selectEndFacts(readings, side));
  if (facts === undefined) throw new DatabaseFailure('unexpected', `${side} database: it says nothing`, { side });
  return facts;
}

/**
 * Makes sure that a batch can go all its way. A missing right to remove would else be met after the remote commit, in
 * every cycle anew; a missing right to compare only after the first crash, and then no batch would ever move again.
 * @throws DatabaseFailure `credentials` - names the user and what its administrator can run
 * @throws DatabaseFailure `schema` - the database only reads
 */
export function checkUploadRights(
  facts: EndFacts,
  { readings, side, columns }: { readings: QueueTable; side: Side; columns: readonly string[] },
): void {
  const table = toTableName(readings.table);
  const refusal = `so no reading of ${table} can be uploaded`;
  if (facts.only_reads === 'true') {
    const message = `${side} database: it is a standby or set to read only, ${refusal}`;
    throw new DatabaseFailure('schema', message, { side, table, sqlstate: SQLSTATE.readOnly });
  }
  const grants = findMissing(facts, { readings, side, columns });
  if (grants.length === 0) return;
  const column = findColumn(facts, { side, columns });
  const user = facts.user_name;
  const orders = grants.map((grant) => `${grant} to ${user}`).join('; ');
  const message = `${side} database: user ${user} lacks rights, ${refusal}. Its administrator runs: ${orders}`;
  throw new DatabaseFailure('credentials', message, {
    ...{ side, table, column },
    sqlstate: SQLSTATE.insufficientPrivilege,
  });
}

function selectEndFacts(readings: QueueTable, side: Side): Statement {
  const { table, custody, order, flag, key } = readings;
  const tables = side === 'remote' && custody === 'off' ? {} : BOOKKEEPING[side];
  const wanted = Object.entries(tables).flatMap(([name, rights]) => rights.map((right) => [name, right] as const));
  const columnsWith = (right: string): string => `
        array_to_json(array(
          select a.attname
          from pg_catalog.pg_attribute a
          where a.attrelid = to_regclass($1)
            and a.attnum > 0
            and not a.attisdropped
            and has_column_privilege(a.attrelid, a.attnum, '${right}')))::text`;
  return {
    text: `
      select quote_ident(current_user) as user_name,
        quote_ident(current_database()) as database_name,
        (pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean)::text as only_reads,
        current_setting('server_version_num') as version,
        getdatabaseencoding() as encoding,
        ${selectOverlap('to_regclass($1)', '$6::text[]')} as overlap,
        exists (
          select from pg_catalog.pg_index i
          join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
          where i.indrelid = to_regclass($1)
            and i.indisvalid
            and a.attname = $4
            and ${indexesQueue('i', '$5', readings)}
        )::text as has_order_index,
        ${columnsWith('SELECT')} as selectable,
        ${columnsWith('INSERT')} as insertable,
        ${side === 'local' && keepingOf(readings) === 'marked' ? columnsWith('UPDATE') : `'[]'`} as updatable,
        has_table_privilege(to_regclass($1), 'DELETE')::text as may_delete,
        has_database_privilege(current_database(), 'TEMPORARY')::text as may_make_temporary,
        ${CLOSED_TYPES} as closed_types,
        ${DDL_TRIGGERS} as ddl_triggers,
        ${side === 'local' ? selectObstacles('to_regclass($1)', readings) : 'null'} as obstacles,
        array_to_json(array(
          select 'usage on schema meter_sync'
          from pg_catalog.pg_namespace n
          where n.nspname = 'meter_sync'
            and cardinality($2::text[]) > 0
            and not has_schema_privilege(n.oid, 'usage')
          union all (select string_agg(w."right", ', ' order by w.place) || ' on meter_sync.' || w.name
          from unnest($2::text[], $3::text[]) with ordinality as w(name, "right", place)
          join pg_catalog.pg_class c on c.relname = w.name
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'meter_sync'
            and not has_table_privilege(c.oid, w."right")
          group by w.name
          order by min(w.place))))::text as missing_on_bookkeeping`,
    values: [relation(table), wanted.map(([name]) => name), wanted.map(([, right]) => right), order, flag ?? '', key],
  };
}

/** Columns of the readings table whose types the user may not give to a column of a staging table; of an array its element's. */
const CLOSED_TYPES = `coalesce((
          select json_agg(json_build_array(a.attname, format_type(coalesce(e.oid, t.oid), null)))
          from pg_catalog.pg_attribute a
          join pg_catalog.pg_type t on t.oid = a.atttypid
          left join pg_catalog.pg_type e on e.oid = t.typelem and t.typlen = -1
          where a.attrelid = to_regclass($1)
            and a.attnum > 0
            and not a.attisdropped
            and not has_type_privilege(coalesce(e.oid, t.oid), 'usage')), '[]')::text`;

/** They fire for temporary tables, too, and their authors forget it. */
const DDL_TRIGGERS = `array_to_json(array(
          select quote_ident(e.evtname)
          from pg_catalog.pg_event_trigger e
          where e.evtenabled in ('O', 'A')
            and e.evtevent in ('ddl_command_start', 'ddl_command_end')
            and (e.evttags is null or e.evttags && array['CREATE TABLE', 'CREATE TABLE AS'])
          order by e.evtname))::text`;

/** What the user lacks, as the grants that give it. */
function findMissing(
  facts: EndFacts,
  { readings, side, columns }: { readings: QueueTable; side: Side; columns: readonly string[] },
): string[] {
  const { table, flag } = readings;
  const isLocal = side === 'local';
  const marks = isLocal && flag !== null && keepingOf(readings) === 'marked' ? [flag] : [];
  const unless = (has: boolean, wanted: string): string[] => (has ? [] : [wanted]);
  const rights = [
    ...toColumnRights('select', facts.selectable, columns),
    ...(isLocal ? [] : toColumnRights('insert', facts.insertable, columns)),
    ...unless(findLacking(facts.updatable, marks).length === 0, `update (${idents(marks)})`),
    ...unless(!isLocal || facts.may_delete === 'true', 'delete'),
  ];
  const closed = (JSON.parse(facts.closed_types) as [string, string][]).filter(([column]) => columns.includes(column));
  const types = isLocal ? [] : [...new Set(closed.map(([, type]) => type))];
  return [
    ...unless(rights.length === 0, `grant ${rights.join(', ')} on ${relation(table)}`),
    ...unless(isLocal || facts.may_make_temporary === 'true', `grant temporary on database ${facts.database_name}`),
    ...types.map((type) => `grant usage on type ${type}`),
    ...(JSON.parse(facts.missing_on_bookkeeping) as string[]).map((missing) => `grant ${missing}`),
  ];
}

/** A right on the table where the user holds it on no column; else on the columns that lack it, each by name. */
function toColumnRights(right: string, held: string, columns: readonly string[]): string[] {
  const lacking = findLacking(held, columns);
  if (lacking.length === 0) return [];
  return [lacking.length === new Set(columns).size ? right : `${right} (${idents(lacking)})`];
}

/** The first column without a right that others have; null: there is none, or all lack it. */
function findColumn(
  { selectable, insertable }: EndFacts,
  { side, columns }: { side: Side; columns: readonly string[] },
): string | null {
  const lists = side === 'local' ? [selectable] : [insertable, selectable];
  const wanted = new Set(columns).size;
  const lacking = lists.map((held) => findLacking(held, columns)).filter(({ length }) => length < wanted);
  return lacking.flat()[0] ?? null;
}

function findLacking(held: string, columns: readonly string[]): string[] {
  const names = new Set(JSON.parse(held) as string[]);
  return [...new Set(columns)].filter((name) => !names.has(name));
}

/**
 * Makes sure that a server knows a time zone: else every single reading would be refused for it.
 * @throws DatabaseFailure `config` - the server's list of zones lacks it
 */
export async function checkZone(session: Session, zone: string): Promise<void> {
  try {
    await run(session, { text: 'select now() at time zone $1::text', values: [zone] });
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.sqlstate !== SQLSTATE.invalidParameter) throw error;
    const message =
      `${session.side} database: its server does not know the time zone ${zone}; ` +
      'expected METER_SYNC_READINGS_TIME_ZONE as its view pg_timezone_names has it';
    throw new DatabaseFailure('config', message, { side: session.side, sqlstate: SQLSTATE.invalidParameter });
  }
}

import type { Refusal } from '../../../src/model/refusal.js';
import type { QueueTable } from '../../../src/model/table.js';
import { toMessageWithoutValues } from '../../../src/postgres/error-words.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { literal } from '../../../src/postgres/identifier.js';
import { isolateCulprits } from '../../../src/postgres/isolate-culprits.js';
import { withSavepoint } from '../../../src/postgres/savepoint.js';
import { execute, run, type Session } from '../../../src/postgres/session.js';
import { DATA_SQLSTATES, SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { plain, type Statement } from '../../../src/postgres/statement.js';
import type { UploadPlan } from '../plan/plan-upload.js';
import { createOwnTable } from './own-table.js';
import { toRefusal as ofFailure } from './refusals.js';
import { insertAbsent, STAGING } from './staging.js';

/** What became of the staged readings that were absent. */
interface Inserted {
  readonly inserted: number;
  /** By their places in the staging table, from 1. */
  readonly refused: readonly { readonly staged: number; readonly refusal: Refusal }[];
}

/** The language of the block is not there, or this user may not use it. */
const NO_PLPGSQL = new Set<string>([SQLSTATE.insufficientPrivilege, SQLSTATE.undefinedObject]);

/**
 * Inserts the staged readings that are absent. When one is refused, the culprits are found by halving, which the remote
 * does by itself: each halving would else be a trip. A remote that lets nobody use PL/pgSQL is halved for from here.
 * @param limit beyond so many culprits it ends, with one more than that
 * @throws DatabaseFailure when no reading is to blame
 */
export async function insertStaged(
  to: Session,
  plan: UploadPlan,
  columns: readonly string[],
  limit: number,
): Promise<Inserted> {
  const { readings } = plan;
  try {
    const inserted = await withSavepoint(to, () => execute(to, insertAbsent(readings, columns)));
    return { inserted, refused: [] };
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.kind !== 'data') throw error;
  }
  await createOwnTable(to, plan, createRefused());
  try {
    await withSavepoint(to, () => execute(to, insertByHalves(readings, columns, limit)));
  } catch (error) {
    // Whatever else refuses it refuses the parts as well, and says so.
    if (error instanceof DatabaseFailure && NO_PLPGSQL.has(error.sqlstate ?? ''))
      return insertInParts(to, readings, columns, limit);
    throw error;
  }
  return readInserted(to);
}

/** The same with a trip for each half. */
async function insertInParts(
  to: Session,
  readings: QueueTable,
  columns: readonly string[],
  limit: number,
): Promise<Inserted> {
  const ids = await run<{ id: string }>(to, plain(`select s.ctid::text as id from ${STAGING} as s order by s.ctid`));
  const staged = ids.map(({ id }, at) => ({ id, place: at + 1 }));
  const isCulprit = (error: unknown): error is DatabaseFailure =>
    error instanceof DatabaseFailure && error.kind === 'data';
  const insert = (part: readonly { readonly id: string }[]): Promise<number> => {
    const [first, last] = [part[0]?.id ?? '', part.at(-1)?.id ?? ''].map(literal);
    const range = `s.ctid >= ${first}::tid and s.ctid <= ${last}::tid`;
    return execute(to, insertAbsent(readings, columns, range));
  };
  const { results, culprits } = await isolateCulprits(to, staged, insert, { isCulprit, limit });
  return {
    inserted: results.reduce((sum, rows) => sum + rows, 0),
    refused: culprits.map(({ item, failure }) => ({ staged: item.place, refusal: ofFailure(failure) })),
  };
}

async function readInserted(to: Session): Promise<Inserted> {
  const [count] = await run<{ inserted: string }>(
    to,
    plain(`select current_setting('meter_sync.inserted') as inserted`),
  );
  const refused = await run<RefusedRow>(to, selectRefused());
  return {
    inserted: Number(count?.inserted),
    refused: refused.map((row) => ({ staged: Number(row.place), refusal: toRefusal(row) })),
  };
}

interface RefusedRow {
  readonly place: string;
  readonly sqlstate: string;
  readonly constraint_name: string;
  readonly table_name: string;
  readonly column_name: string;
  readonly message: string;
  readonly context: string;
}

function toRefusal(row: RefusedRow): Refusal {
  const message = toMessageWithoutValues({
    code: row.sqlstate,
    message: row.message,
    where: row.context,
    routine: undefined,
    ...(row.table_name === '' ? {} : { table: row.table_name }),
    ...(row.column_name === '' ? {} : { column: row.column_name }),
    ...(row.constraint_name === '' ? {} : { constraint: row.constraint_name }),
  });
  return {
    sqlstate: row.sqlstate,
    constraint: row.constraint_name || null, // PostgreSQL gives an empty text where there is none
    table: row.table_name || null,
    columns: row.column_name === '' ? [] : [row.column_name],
    message: `remote database: ${message}`,
  };
}

const REFUSED = 'pg_temp.meter_sync_refused';

function createRefused(): Statement {
  return plain(`
    create temporary table meter_sync_refused (
      place integer,
      sqlstate text,
      constraint_name text,
      table_name text,
      column_name text,
      message text,
      context text
    ) on commit drop`);
}

function selectRefused(): Statement {
  return plain(`
    select r.place::text as place, r.sqlstate, r.constraint_name, r.table_name, r.column_name, r.message, r.context
    from ${REFUSED} as r
    order by r.place`);
}

/** The names are long because plpgsql would take a column of the same name for its variable. */
function insertByHalves(readings: QueueTable, columns: readonly string[], limit: number): Statement {
  const insert = insertAbsent(readings, columns, 's.ctid = any(meter_sync_ids[meter_sync_low:meter_sync_high])').text;
  return plain(
    `do ${literal(`
declare
  meter_sync_ids tid[] := array(select s.ctid from ${STAGING} as s order by s.ctid);
  meter_sync_lows integer[] := array[1];
  meter_sync_highs integer[] := array[cardinality(meter_sync_ids)];
  meter_sync_low integer;
  meter_sync_high integer;
  meter_sync_inserted bigint := 0;
  meter_sync_refused integer := 0;
  meter_sync_rows bigint;
  meter_sync_constraint text;
  meter_sync_table text;
  meter_sync_column text;
  meter_sync_message text;
  meter_sync_context text;
begin
  while cardinality(meter_sync_lows) > 0 and meter_sync_refused <= ${limit} loop
    meter_sync_low := meter_sync_lows[1];
    meter_sync_high := meter_sync_highs[1];
    meter_sync_lows := meter_sync_lows[2:];
    meter_sync_highs := meter_sync_highs[2:];
    begin
      ${insert};
      get diagnostics meter_sync_rows = row_count;
      meter_sync_inserted := meter_sync_inserted + meter_sync_rows;
    exception when others then
      if not (${isData('sqlstate')}) then raise; end if;
      if meter_sync_low = meter_sync_high then
        get stacked diagnostics meter_sync_constraint = constraint_name, meter_sync_table = table_name,
          meter_sync_column = column_name, meter_sync_message = message_text, meter_sync_context = pg_exception_context;
        insert into ${REFUSED} values (meter_sync_low, sqlstate, meter_sync_constraint, meter_sync_table,
          meter_sync_column, meter_sync_message, meter_sync_context);
        meter_sync_refused := meter_sync_refused + 1;
      else
        meter_sync_lows := array[meter_sync_low, (meter_sync_low + meter_sync_high) / 2 + 1] || meter_sync_lows;
        meter_sync_highs := array[(meter_sync_low + meter_sync_high) / 2, meter_sync_high] || meter_sync_highs;
      end if;
    end;
  end loop;
  perform set_config('meter_sync.inserted', meter_sync_inserted::text, true);
end`)}`,
  );
}

/** True in SQL for the codes that put a row's values at fault. A full disk or a missing column is no reading's fault. */
function isData(state: string): string {
  const { classes, codes, except, ownClasses } = DATA_SQLSTATES;
  const list = (values: readonly string[]): string => `array[${values.map(literal).join(', ')}]::text[]`;
  const isDataClass = `left(${state}, 2) = any(${list(classes)}) or left(${state}, 2) <> all(${list(ownClasses)})`;
  return `(${isDataClass} or ${state} = any(${list(codes)})) and ${state} <> all(${list(except)})`;
}

import { isText } from '../../../src/model/conversion.js';
import { parseType } from '../../../src/model/type-name.js';
import { ident, relation } from '../../../src/postgres/identifier.js';
import { STAGED } from '../compare/tables.js';
import { keyHash } from '../plan/hashes.js';
import type { DownloadPlan } from '../plan/plan-download.js';

/** So many values of other rows are tried: one column of several that are unique together may have them, and a foreign key asks for it. */
const MAX_TAKEN = 8;

/**
 * Values that a row (`l`) may hold for a moment in a column, since probably no other one does, as SQL, the likeliest first. All are of the
 * column's type, near to the values that are there (a check may ask for it), and some the table may still refuse.
 * @param count - of so many rows at once
 * @param place - SQL of a row's number among them, from 1
 */
export function spareValues(plan: DownloadPlan, column: string, count: number, place: string): readonly string[] {
  const { baseType = 'text', notNull = true, isEnum = false } = plan.columns.local.get(column) ?? {};
  const taken = takenValues(plan, column);
  const nth = (values: string): string => `(array(${values}))[${place}]`;
  const others = `select distinct o.${ident(column)} from ${relation(plan.table)} as o order by 1 limit ${MAX_TAKEN}`;
  return [
    ...(notNull ? [] : ['null']),
    ...(isEnum ? [nth(`select v from unnest(enum_range(null::${baseType})) as e(v) where v not in (${taken})`)] : []),
    ...ofType(plan, { column, baseType, count, place }),
    ...Array.from({ length: MAX_TAKEN }, (_, at) => `(array(${others}))[${at + 1}]`),
  ];
}

/** Those of rows that are to come among them: a row on its way must not stand in the way of another one. */
function takenValues(plan: DownloadPlan, column: string): string {
  const name = ident(column);
  const from = (rows: string): string => `select ${name} from ${rows} where ${name} is not null`;
  return `${from(relation(plan.table))} union all ${from(STAGED)}`;
}

interface Wanted {
  readonly column: string;
  readonly baseType: string;
  readonly count: number;
  readonly place: string;
}

/** Digits of the same number, so that a code keeps its form. */
const OTHER_DIGITS = ['5678901234', '3456789012', '7890123456'];

function ofType(plan: DownloadPlan, { column, baseType, count, place }: Wanted): readonly string[] {
  const type = parseType(baseType);
  if (type.isArray) return [];
  const key = keyHash(plan, 'local', 'l');
  const digest = `md5(concat(${key}))`;
  const own = `l.${ident(column)}`;
  if (isText(type)) {
    const respelt = OTHER_DIGITS.map((digits) => `translate(${own}, '0123456789', '${digits}')`);
    return [`concat(${own}, abs(${key} % 100000000))`, ...respelt, `left(${digest}, length(${own}))`];
  }
  const series = SERIES.get(type.base);
  if (series !== undefined) return inSeries(plan, column, { ...series, count, place });
  const other = type.base.endsWith('range') ? `'empty'` : OTHERS[type.base];
  return other === undefined ? [] : [other.replace('DIGEST', digest).replace('PLACE', place)];
}

interface Series {
  /** The type to count in, and by how much. */
  readonly type: string;
  readonly step: string;
}

const NUMBER: Series = { type: 'numeric', step: '1' };
const DAY: Series = { type: 'timestamp', step: `interval '1 day'` };

const SERIES: ReadonlyMap<string, Series> = new Map([
  ...['smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision'].map((name) => [name, NUMBER] as const),
  ...['date', 'timestamp with time zone', 'timestamp without time zone'].map((name) => [name, DAY] as const),
]);

/** Of other types one value each, of the row's DIGEST or its PLACE. */
const OTHERS: Readonly<Record<string, string>> = {
  uuid: 'DIGEST::uuid',
  macaddr: 'left(DIGEST, 12)::macaddr',
  macaddr8: 'left(DIGEST, 16)::macaddr8',
  bytea: `decode(DIGEST, 'hex')`,
  inet: `'fd00::'::inet + PLACE`,
};

/** The lowest that are free among those there are or the next above them; then those below and above all: a check most often is a range. */
function inSeries(
  plan: DownloadPlan,
  column: string,
  wanted: Series & Pick<Wanted, 'count' | 'place'>,
): readonly string[] {
  const { type, step, count, place } = wanted;
  const taken = takenValues(plan, column);
  const bounds = `select min(t.v)::${type} as low, max(t.v)::${type} as high from (${taken}) as t(v)`;
  const all = `select generate_series(b.low, b.high + ${count} * ${step}, ${step}) as v from (${bounds}) as b`;
  const free = `select a.v from (${all}) as a where a.v not in (${taken}) limit ${count}`;
  const edges = ['b.low -', 'b.high +'].map((edge) => `(select ${edge} ${place} * ${step} from (${bounds}) as b)`);
  return [`(array(${free}))[${place}]`, ...edges];
}

import type { Side } from '../../src/model/failures.js';

/** Columns of the local table; the remote one lacks the flag. */
const WIDE_COLUMN_COUNT = 120;

/** Types of the value columns, in turn, with an expression over the row number `n` and the column number `c`. */
const KINDS = [
  { type: 'double precision', value: (c: number) => `(n * ${c} % 100003) / 7.0::double precision` },
  { type: 'numeric(18,6)', value: (c: number) => `((n * ${c}) % 1000003) / 64.0` },
  { type: 'double precision', value: (c: number) => `case when n % ${c} = 0 then null else sqrt(n + ${c}) end` },
  { type: 'integer', value: (c: number) => `(n * ${c}) % 2147483` },
  { type: 'real', value: (c: number) => `((n + ${c}) % 4096) / 8.0` },
  { type: 'bigint', value: (c: number) => `n * 1000003 + ${c}` },
  { type: 'text', value: (c: number) => `'channel ${c} state ' || (n % 16)` },
  { type: 'boolean', value: (c: number) => `n % ${c} = 0` },
  {
    type: 'timestamptz',
    value: (c: number) => `'2026-01-01 00:00:00.000001+00'::timestamptz + (n + ${c}) * interval '1 ms'`,
  },
  { type: 'smallint', value: (c: number) => `(n + ${c}) % 32768` },
] as const;

const VALUE_COLUMNS = Array.from({ length: WIDE_COLUMN_COUNT - 4 }, (_, index) => {
  const kind = KINDS[index % KINDS.length]!;
  return { name: `value_${String(index + 1).padStart(3, '0')}`, type: kind.type, value: kind.value(index + 2) };
});

/** `meter_readings` with 120 columns of ten types, as loggers with many registers have it; in place of the sample's. */
export function wideReadingsTable(side: Side): string {
  const values = VALUE_COLUMNS.map(({ name, type }) => `  ${name} ${type}`).join(',\n');
  const flag = side === 'local' ? ',\n  is_synchronized boolean default false' : '';
  const index =
    side === 'local'
      ? 'create index meter_readings_queue on meter_readings (created_at, id) where is_synchronized is not true'
      : 'create index meter_readings_meter_id_created_at on meter_readings (meter_id, created_at)';
  return `create table meter_readings (
  id uuid primary key default gen_random_uuid(),
  meter_id bigint not null,
  created_at timestamptz not null default now(),
${values}${flag}
);
${index};`;
}

/** Fills the local wide table with `rowCount` readings of ten meters, one a second, the same ones each time. */
export function insertWideReadings(rowCount: number): string {
  const names = VALUE_COLUMNS.map(({ name }) => name).join(', ');
  const values = VALUE_COLUMNS.map(({ value }) => value).join(',\n  ');
  return `insert into meter_readings (id, meter_id, created_at, ${names})
select
  ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
  1 + n % 10,
  '2026-01-01 00:00:00+00'::timestamptz + n * interval '1 second',
  ${values}
from generate_series(1::bigint, ${Math.trunc(rowCount)}::bigint) as n`;
}

import { insertWideReadings, wideReadingsTable } from '../../src/dev/sample/wide-readings.js';
import type { Side } from '../../src/model/failures.js';

/** A shape of readings: the tables of both ends, and how the local one is filled. */
export interface Shape {
  readonly title: string;
  readonly rows: number;
  readonly table: (side: Side) => string;
  readonly fill: (rows: number) => string;
}

const NARROW_COLUMNS =
  'id uuid primary key, meter_id bigint not null, created_at timestamptz not null, value float8, unit text, metadata jsonb';

/** The shapes by the name that `--shape` takes. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  narrow: {
    title: '6 columns, uuid v4 keys',
    rows: 1_000_000,
    table: (side) =>
      side === 'local'
        ? `create table meter_readings (${NARROW_COLUMNS}, is_synchronized boolean default false);
           create index on meter_readings (created_at, id) where is_synchronized is not true`
        : `create table meter_readings (${NARROW_COLUMNS}); create index on meter_readings (meter_id, created_at)`,
    fill: (rows) => `
      insert into meter_readings (id, meter_id, created_at, value, unit, metadata)
      select gen_random_uuid(), n % 100, '2026-01-01 00:00:00+00'::timestamptz + n * interval '600 ms',
        (n * 7919 % 1000003) / 13.0, 'kWh', case when n % 10 = 0 then '{"quality": "estimated"}'::jsonb end
      from generate_series(1::bigint, ${rows}) as n`,
  },
  wide: { title: '120 columns', rows: 100_000, table: wideReadingsTable, fill: insertWideReadings },
};

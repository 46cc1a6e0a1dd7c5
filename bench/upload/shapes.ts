import { insertWideReadings, wideReadingsTable } from './wide-readings.js';
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

/** The index that serves the queue, as `check` recommends it. */
export const QUEUE_INDEX =
  'create index meter_readings_queue on meter_readings (created_at, id) where is_synchronized is not true';

const INSERT_NARROW = `
  insert into meter_readings (id, meter_id, created_at, value, unit, metadata)
  select gen_random_uuid(), n % 100, '2026-01-01 00:00:00+00'::timestamptz + n * interval '600 ms',
    (n * 7919 % 1000003) / 13.0, 'kWh', case when n % 10 = 0 then '{"quality": "estimated"}'::jsonb end`;

/**
 * The local table of the narrow shape with many rows, in no time: its indexes come after its rows. All but the last
 * `queuedRows` are marked as uploaded.
 */
export function makeBacklog(rows: number, queuedRows: number): string {
  return `
    create table meter_readings (${NARROW_COLUMNS}, is_synchronized boolean default false);
    alter table meter_readings drop constraint meter_readings_pkey;
    ${INSERT_NARROW.replace('metadata)', 'metadata, is_synchronized)')}, n <= ${rows - queuedRows}
    from generate_series(1::bigint, ${rows}) as n;
    set maintenance_work_mem = '512MB';
    alter table meter_readings add primary key (id);
    ${QUEUE_INDEX}`;
}

/** Few columns, as most meters have it. */
export const NARROW: Shape = {
  title: '6 columns, uuid v4 keys',
  rows: 1_000_000,
  table: (side) =>
    side === 'local'
      ? `create table meter_readings (${NARROW_COLUMNS}, is_synchronized boolean default false);
           ${QUEUE_INDEX}`
      : `create table meter_readings (${NARROW_COLUMNS}); create index on meter_readings (meter_id, created_at)`,
  fill: (rows) => `${INSERT_NARROW} from generate_series(1::bigint, ${rows}) as n`,
};

/** The shapes by the name that `--shape` takes. */
export const SHAPES: Readonly<Record<string, Shape>> = {
  narrow: NARROW,
  wide: { title: '120 columns', rows: 100_000, table: wideReadingsTable, fill: insertWideReadings },
};

import { createHash } from 'node:crypto';

/** Columns of a reading in the sample tables that hold a number. */
export const NUMBER_COLUMNS = [
  'consumption_hi',
  'consumption_lo',
  'demand',
  'power_factor',
  'current_a',
  'current_b',
  'current_c',
  'voltage_a',
  'voltage_b',
  'voltage_c',
] as const;

/** All value columns; the last one holds text. */
const VALUE_COLUMNS = [...NUMBER_COLUMNS, 'day_night'] as const;

/** The name of a value column. */
export type ValueColumn = (typeof VALUE_COLUMNS)[number];

/** All columns of a reading, in the order in which it is written. */
export const READING_COLUMNS = ['id', 'meter_id', 'created_at', ...VALUE_COLUMNS] as const;

/** A reading as it is loaded: every value is text as the meter's system printed it. A column that is absent is null. */
export interface Reading {
  readonly id: string;
  readonly meterId: string;
  /** ISO 8601 in UTC. */
  readonly createdAt: string;
  readonly values: Readonly<Partial<Record<ValueColumn, string>>>;
}

/**
 * The id of the reading of one meter at one instant: a UUID of version 7, whose random part is a digest of both. The same
 * report loaded twice makes the same ids, so it adds nothing.
 */
export function toReadingId(meter: string, instantMs: number): string {
  const digest = createHash('sha256').update(`${meter}\n${instantMs}`).digest();
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(instantMs, 0, 6);
  digest.copy(bytes, 6, 0, 10);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f); // version 7
  bytes[8] = 0x80 | (bytes[8]! & 0x3f); // the RFC's variant
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** A reading as one line of PostgreSQL's text COPY, in the order of `READING_COLUMNS`. */
export function toCopyLine(reading: Reading): string {
  const values = VALUE_COLUMNS.map((column) => reading.values[column]);
  return `${[reading.id, reading.meterId, reading.createdAt, ...values].map(toCopyField).join('\t')}\n`;
}

function toCopyField(value: string | undefined): string {
  return value === undefined ? '\\N' : value.replace(/[\\\t\n\r]/g, (character) => COPY_ESCAPES[character]!);
}

const COPY_ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

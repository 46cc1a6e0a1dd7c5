import type { HashedColumn } from '../../../src/model/hashed-column.js';
import { BinaryRows } from './binary-rows.js';
import { toDayText } from './day-text.js';
import { LtHash } from './lt-hash.js';

/** The readings of one UTC day: how many, and their hash. */
export interface HashedDay {
  readonly rows: number;
  readonly hash: LtHash;
}

/** Hashed readings by their UTC day; null: those without one. */
export type HashedDays = ReadonlyMap<string | null, HashedDay>;

/** Hashes the readings of a COPY in binary format, each into its day, as the stream passes. */
export class DayHasher {
  private readonly days = new Map<string | null, { rows: number; hash: LtHash }>();
  private readonly rows: BinaryRows;

  /** `columns` as the stream has them; `dayColumn` is one of them, or null: all readings are one sum. */
  constructor(columns: readonly { readonly name: string }[], dayColumn: HashedColumn | null) {
    const at = dayColumn === null ? null : columns.findIndex(({ name }) => name === dayColumn.name);
    this.rows = new BinaryRows(at, ({ bytes, field }) => {
      const day = dayColumn === null || field === null ? null : toDayText(field, dayColumn.type);
      let found = this.days.get(day);
      if (found === undefined) this.days.set(day, (found = { rows: 0, hash: LtHash.empty() }));
      found.rows += 1;
      found.hash.add(bytes);
    });
  }

  /** Takes the next piece of the stream. */
  update(piece: Buffer): void {
    this.rows.update(piece);
  }

  /** The days of all rows so far. */
  toDays(): HashedDays {
    return this.days;
  }
}

/** What came between two hashes of the same days. */
export function subtractHashes(after: HashedDays, before: HashedDays): HashedDays {
  const left = [...after].map(([day, { rows, hash }]): [string | null, HashedDay] => {
    const was = before.get(day);
    return [day, was === undefined ? { rows, hash } : { rows: rows - was.rows, hash: hash.with(was.hash, -1) }];
  });
  return new Map(left.filter(([, { rows }]) => rows > 0));
}

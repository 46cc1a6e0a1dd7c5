import type { Templates } from '../databases.js';

/** What a download meets. */
export interface Case {
  readonly name: string;
  readonly rows: number;
  /** Rows that it has to write. */
  readonly changedRows: number;
  readonly templates: Templates;
  /** What changes on the remote after a first download has found both tables equal; null: nothing does. */
  readonly change: string | null;
  /** True when the first download is itself the case. */
  readonly isFirst: boolean;
}

export const ROW_COUNTS: readonly number[] = [10, 1_000, 10_000, 1_000_000];

/** One text and one instant of a row. */
const CHANGE = `
  update meter set description = coalesce(description, '') || ' (moved)', updated_at = updated_at + interval '1 day'`;

/** The cases of one number of rows. */
export function casesOf(rows: number): Case[] {
  const full = `full_${rows}`;
  const settled = { rows, templates: { local: full, remote: full }, isFirst: false };
  return [
    { ...settled, name: 'nothing changed', changedRows: 0, change: null },
    {
      ...settled,
      name: '0.1 % changed',
      changedRows: Math.max(1, rows / 1_000),
      change: `${CHANGE} where id % 1000 = 5`,
    },
    { ...settled, name: 'all changed', changedRows: rows, change: CHANGE },
    {
      ...settled,
      name: 'first fill',
      changedRows: rows,
      change: null,
      templates: { local: `empty_${rows}`, remote: full },
      isFirst: true,
    },
  ];
}

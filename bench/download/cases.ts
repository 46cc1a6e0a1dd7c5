import type { Templates } from '../databases.js';

/** What a download meets. */
export interface Case {
  readonly name: string;
  readonly rows: number;
  /** Rows that it has to write. */
  readonly changedRows: number;
  readonly templates: Templates;
  /** True when a second run would meet the same: then small figures are taken as means of many. */
  readonly isRepeatable: boolean;
}

export const ROW_COUNTS: readonly number[] = [10, 1_000, 10_000, 1_000_000];

/** A template of the remote, by what it holds compared with the local one. */
export interface RemoteTemplate {
  readonly prefix: string;
  /** Makes the difference; null: there is none. */
  readonly change: string | null;
}

export const REMOTE_TEMPLATES: readonly RemoteTemplate[] = [
  { prefix: 'same', change: null },
  { prefix: 'some', change: `${change()} where id % 1000 = 5` },
  { prefix: 'all', change: change() },
];

/** One text and one instant of each row. */
function change(): string {
  return `update meter set description = coalesce(description, '') || ' (moved)', updated_at = updated_at + interval '1 day'`;
}

/** The cases of one number of rows. */
export function casesOf(rows: number): Case[] {
  const toCase = (name: string, remote: string, local: string, changedRows: number): Case => ({
    name,
    rows,
    changedRows,
    templates: { local: `${local}_${rows}`, remote: `${remote}_${rows}` },
    isRepeatable: changedRows === 0,
  });
  return [
    toCase('nothing changed', 'same', 'same', 0),
    toCase('0.1 % changed', 'some', 'same', Math.max(1, rows / 1_000)),
    toCase('all changed', 'all', 'same', rows),
    toCase('first fill', 'same', 'empty', rows),
  ];
}

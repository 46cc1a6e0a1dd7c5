/** Why the remote did not take a reading. Nothing here is a value of the reading. */
export interface Refusal {
  /** PostgreSQL's code; null: in conflict with another reading of its key, there or at the site; `message` says which. */
  readonly sqlstate: string | null;
  readonly constraint: string | null;
  readonly table: string | null;
  /** The columns that PostgreSQL names, or that differ. */
  readonly columns: readonly string[];
  readonly message: string;
}

/** A reading of a batch that the remote did not take, by its place in the batch, from 1. */
export interface RefusedPlace {
  readonly place: number;
  readonly refusal: Refusal;
}

/** Fewer culprits than this are never taken for a fault of the remote, however small the batch. */
const MIN_CULPRITS = 100;
/** The share of a batch beyond which culprits are no longer bad readings; the default of the settings is made from it. */
export const DEFAULT_REFUSED_SHARE = 0.2;

/** How many readings of a batch may be refused before the remote itself is to blame. */
export function maxRefused(selected: number, share: number = DEFAULT_REFUSED_SHARE): number {
  return Math.max(MIN_CULPRITS, Math.floor(selected * share));
}

/** The refusals of a batch in one line: how many of each reason, the most common first. */
export function summarize(refused: readonly RefusedPlace[]): string {
  const counts = new Map<string, number>();
  for (const { refusal } of refused) {
    const reason = toReason(refusal);
    counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([reason, count]) => `${count} x ${reason}`).join(', ');
}

/** Words for the codes that a reading meets most. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const WORDS: Readonly<Record<string, string>> = {
  '22001': 'text too long',
  '22003': 'number out of range',
  '22007': 'not a date or time',
  '22008': 'date or time out of range',
  '22021': 'character not in the encoding of the remote',
  '22P02': 'value not of the type of the remote',
  '22P05': 'character that the remote cannot hold',
  '23502': 'value missing',
  '23503': 'unknown meter, or another row that the remote does not have',
  '23505': 'another reading has this value',
  '23514': 'refused by a check',
  '23P01': 'in conflict with another reading',
  '44000': 'not what a view on the remote takes',
  '54000': 'too large for an index of the remote',
  P0001: 'refused by a trigger',
};

/** True when a table in parts has no part for the reading: the one refusal by a check that names no constraint. */
export function hasNoPartition({ sqlstate, constraint }: Pick<Refusal, 'sqlstate' | 'constraint'>): boolean {
  return sqlstate === '23514' && constraint === null;
}

/** A refusal in a few words, the same for all readings that were refused for the same reason. */
export function toReason({
  sqlstate,
  constraint,
  columns,
}: Pick<Refusal, 'sqlstate' | 'constraint' | 'columns'>): string {
  const named = columns.length > 0 ? ` (${columns.join(', ')})` : '';
  if (sqlstate === null) return `in conflict with another reading of its key${named}`;
  if (hasNoPartition({ sqlstate, constraint })) return `no partition for it [${sqlstate}]`;
  const words = WORDS[sqlstate] ?? 'refused';
  return constraint === null ? `${words}${named} [${sqlstate}]` : `${words} (constraint ${constraint}) [${sqlstate}]`;
}

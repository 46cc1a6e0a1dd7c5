/**
 * Delivered readings that the remote has no more, since it was restored from an older backup: told until they are there again,
 * or a person has written them off.
 */
export interface LostAtRemote {
  readonly readings: number;
  readonly batches: number;
  /** The oldest and the newest reading of those batches, late arrivals included, ISO 8601 UTC; null: not known. */
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  /** When the first of these losses was noted, ISO 8601 UTC. */
  readonly since: string;
  /** By UTC day, the oldest `MAX_LOST_DAYS`; `day` is null for readings of which no day is known. */
  readonly days: readonly { readonly day: string | null; readonly readings: number }[];
}

/** A status is small: of a long loss it names the first days, and from when to when it goes. */
export const MAX_LOST_DAYS = 31;

/** A loss in one line: `250 readings of 3 batches (2026-11-01T00:00:00Z to 2026-11-03T12:00:00Z)`. */
export function describeLost({ readings, batches, firstTime, lastTime }: LostAtRemote): string {
  const range = firstTime === null || lastTime === null ? '' : ` (${firstTime} to ${lastTime})`;
  return `${count(readings, 'reading', 'readings')} of ${count(batches, 'batch', 'batches')}${range}`;
}

/** The UTC days that a loss reaches over; null: not known. */
export function toDays({ firstTime, lastTime }: LostAtRemote): {
  readonly from: string | null;
  readonly to: string | null;
} {
  return { from: firstTime?.slice(0, 10) ?? null, to: lastTime?.slice(0, 10) ?? null };
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

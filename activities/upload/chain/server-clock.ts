/** What a server's clock said, and when this process heard it, by a clock of its own that nobody sets. */
export interface ServerClock {
  /** ISO 8601 UTC. */
  readonly said: string;
  /** `performance.now()`. */
  readonly heardAt: number;
}

/**
 * How far a server's clock is ahead of another's, in milliseconds: as far as their words are apart, less the time that passed between
 * them. Wrong by a round trip at most, however long a batch takes.
 */
export function clockDifference(one: ServerClock, other: ServerClock): number {
  const apartMs = Date.parse(one.said) - Date.parse(other.said);
  return Math.round(apartMs - (one.heardAt - other.heardAt)) + 0; // a negative zero is none in JSON
}

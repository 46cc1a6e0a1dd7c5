const DAY_MS = 86_400_000;

/** The instants that a wall clock's reading may mean: one, two when the hour repeats, and in a gap the one it would be without. */
interface LocalInstants {
  readonly kind: 'unique' | 'repeated' | 'skipped';
  /** Milliseconds since 1970, earlier first; two only for `repeated`. */
  readonly instants: readonly [number] | readonly [number, number];
}

/** Tells the instants of local times in one time zone. Local times are given as if they were UTC milliseconds. */
export type LocalClock = (localMs: number) => LocalInstants;

/**
 * A clock of a time zone by its IANA name, after the system's time zone rules.
 * @throws RangeError the time zone is unknown
 */
export function createLocalClock(timeZone: string): LocalClock {
  const offsetAt = createOffsets(timeZone);
  const days = new Map<number, readonly [before: number, after: number]>();
  return (localMs) => {
    const day = Math.floor(localMs / DAY_MS);
    // Offsets a day before and after frame any change near this local time; zones change at most once in two days.
    const [before, after] =
      days.get(day) ?? remember(days, day, [offsetAt((day - 1) * DAY_MS), offsetAt((day + 2) * DAY_MS)]);
    if (before === after) return { kind: 'unique', instants: [localMs - before] };
    const possible = [...new Set([localMs - before, localMs - after])]
      .filter((instant) => instant + offsetAt(instant) === localMs)
      .sort((a, b) => a - b);
    const [first, second] = possible;
    if (first === undefined) return { kind: 'skipped', instants: [localMs - before] };
    return second === undefined
      ? { kind: 'unique', instants: [first] }
      : { kind: 'repeated', instants: [first, second] };
  };
}

/** How far the zone's wall clock is ahead of UTC at an instant, in milliseconds. */
function createOffsets(timeZone: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  return (instant) => {
    const part = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(instant / 1000) * 1000;
  };
}

function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value): Value {
  map.set(key, value);
  return value;
}

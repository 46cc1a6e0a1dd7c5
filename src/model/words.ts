const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A duration for people, in its two largest units: `3 min 5 s`. */
export function toDuration(durationMs: number): string {
  const ms = Math.abs(durationMs);
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`;
  if (ms < MINUTE_MS) return `${(ms / SECOND_MS).toFixed(ms < 10 * SECOND_MS ? 1 : 0)} s`;
  if (ms < HOUR_MS) return join(ms, MINUTE_MS, 'min', SECOND_MS, 's');
  if (ms < DAY_MS) return join(ms, HOUR_MS, 'h', MINUTE_MS, 'min');
  return join(ms, DAY_MS, 'd', HOUR_MS, 'h');
}

/** A number with commas, alike on every machine, since no locale is asked; `unknown` for null. */
export function toCount(count: number | null): string {
  return count === null ? 'unknown' : String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A number of things, in words: `1 cycle`, `2 cycles`, `unknown`. */
export function toCounted(count: number | null, one: string, many = `${one}s`): string {
  return count === null ? 'unknown' : `${toCount(count)} ${count === 1 ? one : many}`;
}

/** A number of rows, in words. */
export function toRows(count: number): string {
  return toCounted(count, 'row');
}

/** A number of readings, in words. */
export function toReadings(count: number | null): string {
  return toCounted(count, 'reading');
}

/** How many readings wait; `about` when counting them would have taken too long. */
export function toQueueSize(queue: {
  readonly queueSize: number | null;
  readonly queueSizeIsEstimate: boolean | null;
}): string {
  return queue.queueSizeIsEstimate === true ? `about ${toCount(queue.queueSize)}` : toCount(queue.queueSize);
}

function join(ms: number, unitMs: number, unit: string, restMs: number, rest: string): string {
  const whole = Math.floor(ms / unitMs);
  const remainder = Math.floor((ms - whole * unitMs) / restMs);
  return remainder === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${remainder} ${rest}`;
}

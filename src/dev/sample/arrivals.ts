import { setTimeout as pause } from 'node:timers/promises';

import type { Database } from '../../postgres/session.js';
import { loadReadings } from './load-readings.js';
import type { Reading } from './reading.js';

const PORTION_EVERY_MS = 1_000;

/** How readings arrive. */
interface ArrivalOptions {
  /** All readings have arrived after so long. */
  readonly durationMs: number;
  /** Ends the arrivals early. */
  readonly signal: AbortSignal;
  /** Hears the readings of each portion once they are committed. */
  readonly onArrived: (portion: readonly Reading[]) => void;
}

/** Lets readings arrive at the site in equal portions, one a second, as its meters would send them. */
export async function letArrive(
  local: Database,
  readings: readonly Reading[],
  { durationMs, signal, onArrived }: ArrivalOptions,
): Promise<void> {
  const everyMs = Math.min(PORTION_EVERY_MS, durationMs);
  const portions = Math.max(1, Math.floor(durationMs / everyMs));
  const size = Math.ceil(readings.length / portions);
  const startedAt = Date.now();
  for (let first = 0; first < readings.length; first += size) {
    signal.throwIfAborted();
    const portion = readings.slice(first, first + size);
    await loadReadings(local, portion);
    onArrived(portion);
    const dueAt = startedAt + (first / size + 1) * everyMs;
    await pause(Math.max(0, dueAt - Date.now()), undefined, { signal });
  }
}

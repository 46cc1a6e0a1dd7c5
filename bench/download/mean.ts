import type { Measure } from '../contestant.js';
import { median } from '../statistics.js';

/** Several runs as one: the middle of the times, and the mean of the CPU, which is counted in hundredths of a second. */
export function meanOf(runs: readonly Measure[]): Measure {
  const mean = (read: (run: Measure) => number): number => runs.reduce((sum, run) => sum + read(run), 0) / runs.length;
  return {
    seconds: median(runs.map(({ seconds }) => seconds)),
    clientCpuSeconds: mean((run) => run.clientCpuSeconds),
    localCpuSeconds: mean((run) => run.localCpuSeconds),
    remoteCpuSeconds: mean((run) => run.remoteCpuSeconds),
    peakRssBytes: Math.max(...runs.map(({ peakRssBytes }) => peakRssBytes)),
  };
}

import type { Measure } from '../contestant.js';
import type { Machine } from '../machine.js';

/** What a comparison of uploads came to; the JSON file that is committed. */
export interface UploadResult {
  readonly discipline: 'upload';
  readonly shape: string;
  readonly title: string;
  readonly rows: number;
  readonly rounds: number;
  /** Round trip to the remote that was added; 0: none. */
  readonly delayMs: number;
  readonly machine: Machine;
  /** The first one is what ratios are told against. */
  readonly lines: readonly UploadLine[];
}

/** A contestant's runs, one for each round. */
export interface UploadLine {
  readonly name: string;
  readonly note: string;
  readonly isRepeatSafe: boolean;
  readonly usesOtherPrograms: boolean;
  readonly delayMs: number;
  /** Rows that it moved; fewer than all where it is too slow. */
  readonly rows: number;
  /** Null: the run failed, and `problems` says how. */
  readonly runs: readonly (Measure | null)[];
  readonly problems: readonly string[];
}

/** Rows a second of each run that succeeded. */
export function ratesOf({ rows, runs }: UploadLine): number[] {
  return runs.flatMap((run) => (run === null ? [] : [rows / run.seconds]));
}

/** For each round the rate as a multiple of the first line's in the same round. */
export function ratiosOf(line: UploadLine, { lines: [base] }: UploadResult): number[] {
  return base === undefined ? [] : ratiosTo(line, base);
}

/** For each round the rate as a multiple of another line's in the same round. */
export function ratiosTo(line: UploadLine, base: UploadLine): number[] {
  return line.runs.flatMap((run, round) => {
    const other = base.runs[round];
    if (run === null || other === null || other === undefined) return [];
    return [line.rows / run.seconds / (base.rows / other.seconds)];
  });
}

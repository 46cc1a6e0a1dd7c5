import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../duration-option.js';

/** The thresholds of a probe; durations in milliseconds. */
export interface ProbeOptions {
  readonly maxLag: number;
  /** Absent: 15 minutes, or three intervals where that is longer. */
  readonly maxSuccessAge?: number;
  readonly maxQuarantine: number;
  readonly maxPause: number;
}

/** The thresholds when none are given: what a site with cycles of a minute never reaches unless something is wrong. */
export const DEFAULT_THRESHOLDS: ProbeOptions = { maxLag: 15 * 60_000, maxQuarantine: 0, maxPause: 60 * 60_000 };

/** `--max-lag` and the others, which have an effect with `--probe` alone. */
export function addProbeOptions(command: Command): void {
  const { maxLag, maxQuarantine, maxPause } = DEFAULT_THRESHOLDS;
  command
    .addOption(
      new Option(
        '--max-lag <duration>',
        'with --probe: CRITICAL when the oldest waiting reading is older; while a backlog is uploaded WARNING',
      )
        .argParser(parseDuration)
        .default(maxLag, '15m'),
    )
    .addOption(
      new Option(
        '--max-success-age <duration>',
        'with --probe: CRITICAL when the last cycle that succeeded is longer ago; WARNING while readings leave (default: 15m, or three intervals where that is longer)',
      ).argParser(parseDuration),
    )
    .addOption(
      new Option('--max-quarantine <readings>', 'with --probe: WARNING when more readings are in quarantine')
        .argParser(parseCount)
        .default(maxQuarantine),
    )
    .addOption(
      new Option(
        '--max-pause <duration>',
        'with --probe: CRITICAL when the site is paused for longer; before that WARNING',
      )
        .argParser(parseDuration)
        .default(maxPause, '1h'),
    );
}

function parseCount(text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number.');
}

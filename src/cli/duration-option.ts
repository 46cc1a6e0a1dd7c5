import { InvalidArgumentError } from 'commander';

const UNITS_MS: Readonly<Record<string, number>> = { '': 1_000, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration as monitoring systems write it: `90s`, `15m`, `2h`, `1d`; a bare number is seconds. In milliseconds. */
export function parseDuration(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(s|m|h|d)?$/.exec(text.trim()) ?? [];
  const unitMs = UNITS_MS[unit];
  if (number === undefined || unitMs === undefined || Number(number) <= 0) {
    throw new InvalidArgumentError('Expected a duration such as 90s, 15m, 2h or 1d.');
  }
  return Math.round(Number(number) * unitMs);
}

import { UsageError } from './command.js';

/** The value of an option that takes a UTC day; null: it was not given. @throws UsageError */
export function readDay(command: string, option: string, day: string | undefined): string | null {
  if (day === undefined) return null;
  const isDay = /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(`${day}T00:00:00Z`));
  if (isDay) return day;
  throw new UsageError(`${option} is '${day}'; expected a UTC day such as 2026-11-01`, `meter-sync ${command} --help`);
}

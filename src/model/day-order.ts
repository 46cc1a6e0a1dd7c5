const DAY_MS = 24 * 60 * 60 * 1_000;

/** True when no day of the calendar lies between two. */
export function isNextDay(day: string, next: string): boolean {
  const [a, b] = [day, next].map((text) => (/^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN));
  return a !== undefined && b !== undefined && b - a === DAY_MS;
}

/** The day before one of the calendar, `2026-11-22`. */
export function dayBefore(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - DAY_MS).toISOString().slice(0, 10);
}

/** True when a day comes before another one; the readings without a day come last. */
export function isBefore(a: string | null, b: string | null): boolean {
  return place(a) < place(b);
}

/** Days in their order: the calendar's, with the readings before and after all days at the ends and those without a day last. */
export function sortDays(days: Iterable<string | null>): (string | null)[] {
  return [...days].sort((a, b) => place(a) - place(b) || (a ?? '').localeCompare(b ?? ''));
}

/** True for a text that PostgreSQL reads as a day, one without a calendar and one before Christ among them. */
export function isDay(text: string): boolean {
  if (/^-?infinity$/.test(text)) return true;
  const [, years, month, date, era] = /^(\d{4,6})-(\d\d)-(\d\d)( BC)?$/.exec(text) ?? [];
  const year = era === undefined ? Number(years) : 1 - Number(years);
  if (years === undefined || Number(years) === 0 || year > LAST_YEAR || year < FIRST_YEAR) return false;
  const known = new Date(0);
  known.setUTCFullYear(year, Number(month) - 1, Number(date));
  return known.getUTCMonth() === Number(month) - 1 && known.getUTCDate() === Number(date);
}

/** What an instant of PostgreSQL can have. */
const LAST_YEAR = 275_000;
const FIRST_YEAR = -4_711;

function place(day: string | null): number {
  if (day === null) return Infinity;
  if (day === 'infinity') return Number.MAX_VALUE;
  if (day === '-infinity') return -Number.MAX_VALUE;
  const [, year = '0', month = '0', date = '0'] = /^(\d+)-(\d+)-(\d+)/.exec(day) ?? [];
  const years = day.endsWith('BC') ? 1 - Number(year) : Number(year);
  return years * 372 + Number(month) * 31 + Number(date);
}

const DAY_US = 86_400_000_000n;
/** Days from 0000-03-01, where years of this reckoning begin, to 2000-01-01, where PostgreSQL's do. */
const EPOCH = 730_425;
const DAYS_OF_400_YEARS = 146_097;

/** The UTC day of a value as PostgreSQL sends it: of a `date`, a `timestamp` or a `timestamptz`; as its `ISO` prints a date. */
export function toDayText(value: Buffer, type: string): string {
  if (type === 'date') {
    const day = value.readInt32BE();
    return day === 0x7fffffff ? 'infinity' : day === -0x80000000 ? '-infinity' : printDay(day);
  }
  const us = value.readBigInt64BE();
  if (us === 0x7fffffffffffffffn) return 'infinity';
  if (us === -0x8000000000000000n) return '-infinity';
  const day = Number(us / DAY_US);
  return printDay(us % DAY_US < 0n ? day - 1 : day);
}

/** A day since 2000-01-01, by the Gregorian calendar, also where that was not yet in use. */
function printDay(day: number): string {
  const since = day + EPOCH;
  const era = Math.floor(since / DAYS_OF_400_YEARS);
  const ofEra = since - era * DAYS_OF_400_YEARS;
  const floor = (value: number): number => Math.floor(value);
  const yearOfEra = floor((ofEra - floor(ofEra / 1_460) + floor(ofEra / 36_524) - floor(ofEra / 146_096)) / 365);
  const ofYear = ofEra - (365 * yearOfEra + floor(yearOfEra / 4) - floor(yearOfEra / 100)); // from the first of March
  const month = floor((5 * ofYear + 2) / 153);
  const dayOfMonth = ofYear - floor((153 * month + 2) / 5) + 1;
  const isNextYear = month >= 10;
  const year = yearOfEra + era * 400 + (isNextYear ? 1 : 0);
  const two = (value: number): string => String(value).padStart(2, '0');
  const shown = String(year > 0 ? year : 1 - year).padStart(4, '0');
  return `${shown}-${two(isNextYear ? month - 9 : month + 3)}-${two(dayOfMonth)}${year > 0 ? '' : ' BC'}`;
}

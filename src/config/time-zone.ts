/** `UTC`, or a name with its region. PostgreSQL takes bare names such as CET for abbreviations, which know no summer time. */
const ZONE_NAME = /^(UTC|[A-Za-z_]+(\/[A-Za-z0-9_+-]+)+)$/;

/** True for the name of a time zone that means the same here, in PostgreSQL and everywhere. */
export function isTimeZone(name: string): boolean {
  if (!ZONE_NAME.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false; // a RangeError is the only way in which a zone is told to be unknown
  }
}

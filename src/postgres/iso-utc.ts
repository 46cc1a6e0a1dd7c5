/** An instant (`timestamptz`) as SQL that prints ISO 8601 UTC with microseconds, whatever the session is set to. */
export function isoUtc(instant: string): string {
  return `to_char(${instant} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

/** True in SQL for the instants that ISO 8601 writes with four digits of year: infinity, for one, is not among them. */
export function hasIsoForm(instant: string): string {
  return `${instant} >= '0001-01-01' and ${instant} < '10000-01-01'`;
}

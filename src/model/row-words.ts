/** A number of rows, in words. */
export function toRows(count: number): string {
  return `${toCount(count)} ${count === 1 ? 'row' : 'rows'}`;
}

/** A number with commas, alike on every machine: no locale is asked. */
export function toCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

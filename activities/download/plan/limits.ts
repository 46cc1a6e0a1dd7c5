/** Where a download takes another way. No settings: tests set them, so that small tables meet the ways of large ones. */
export interface DownloadLimits {
  /** A larger table is first compared by parts, so that a list of the parts that differ will do. */
  readonly listedRows: number;
  /** About so many rows are in a part. */
  readonly rowsOfAPart: number;
  /** A table has so many parts at most, a power of two. */
  readonly mostParts: number;
  /** More new rows than these are a table that is filled: they are counted, and not written down one by one. */
  readonly newInSet: number;
  /** More keys than these are not sent: all rows are fetched then, and those that nobody wants are left out here. */
  readonly sentKeys: number;
  /** So many rows at once are tried again when one of them was refused: they are held in memory. */
  readonly rowsAtOnce: number;
}

/**
 * Of a million rows the sums of all parts are 0.7 MB, and the lists of parts in which a thousand rows differ 1.5 MB; with a
 * quarter of the parts it would be 0.2 and 5.6 MB.
 */
export const DEFAULT_LIMITS: DownloadLimits = {
  listedRows: 1_000,
  rowsOfAPart: 64,
  mostParts: 16_384,
  newInSet: 100_000,
  sentKeys: 50_000,
  rowsAtOnce: 5_000,
};

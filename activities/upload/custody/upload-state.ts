import type { Link } from '../../../src/model/chain.js';
import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';
import { run, type Session } from '../../../src/postgres/session.js';

/** How far the upload of a site has come: the newest row of `meter_sync.upload_state`. */
export interface UploadState {
  /** Batches uploaded since the first one. */
  readonly batch: number;
  /** Readings proved safe and removed since the first batch. */
  readonly rows: number;
  readonly link: Link;
}

/**
 * Adds the state after a batch, in the transaction that removes its readings. A row of its own, since the snapshot of a
 * batch that overlaps with the one before does not see that one's row.
 * `link` is the batch's place in the custody chain, `removed` how many readings went, `lastTimestamp` the newest one's instant;
 * null: not known.
 */
export async function addUploadState(
  session: Session,
  siteId: string,
  before: UploadState,
  { link, removed, lastTimestamp }: { link: Link; removed: number; lastTimestamp: string | null },
): Promise<UploadState> {
  const after = { batch: before.batch + 1, rows: before.rows + removed, link };
  await writeUploadState(session, siteId, after, lastTimestamp);
  return after;
}

/**
 * Writes a state as the site's newest one.
 * @throws DatabaseFailure `busy` - another run has moved the state there: this one's lock was lost, and it did not know yet
 */
export async function writeUploadState(
  session: Session,
  siteId: string,
  { batch, rows, link }: UploadState,
  lastTimestamp: string | null,
): Promise<void> {
  try {
    await run(session, {
      text: `
        insert into meter_sync.upload_state (site, batch, rows, seq, digest, last_timestamp, moved_at)
        values ($1::text, $2::bigint, $3::bigint, $4::bigint, decode($5::text, 'hex'), $6::text, clock_timestamp())`,
      values: [siteId, batch, rows, link.seq, link.digest, lastTimestamp],
    });
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.sqlstate !== SQLSTATE.uniqueViolation) throw error;
    const message = `local database: another run of site ${siteId} has moved its upload on to batch ${batch}; this one removed nothing`;
    const { side } = session;
    throw new DatabaseFailure('busy', message, { side, table: 'meter_sync.upload_state', cause: error });
  }
}

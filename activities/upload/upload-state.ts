import type { Statement } from '../../src/postgres/statement.js';

/**
 * Takes the site's lock for the local transaction, or answers false. It keeps out the zombie attempt of an activity that
 * timed out; the lock goes with its transaction, however that ends.
 */
export function tryLockSite(siteId: string): Statement {
  return {
    text: `select pg_try_advisory_xact_lock(hashtextextended($1::text, 0))::text as locked`,
    values: [`meter-sync upload ${siteId}`],
  };
}

/** How many readings a site has uploaded since its first batch; no row before that. */
export function selectUploadState(siteId: string): Statement {
  return { text: 'select rows::text as rows from meter_sync.upload_state where site = $1::text', values: [siteId] };
}

/** Moves a site's upload state by one batch, and answers with its new total. It commits with the removal of the readings, and only moves forward. */
export function moveUploadState(siteId: string, rows: number): Statement {
  return {
    text: `
      insert into meter_sync.upload_state as s (site, seq, rows, moved_at)
      values ($1::text, 1, $2::bigint, clock_timestamp())
      on conflict (site) do update
      set seq = s.seq + 1,
        rows = s.rows + excluded.rows,
        moved_at = excluded.moved_at
      returning s.rows::text as rows`,
    values: [siteId, rows],
  };
}

import { drainQueue } from '../../activities/upload/drain-queue.js';
import { migrate } from '../../activities/bookkeeping/migrations.js';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import type { UploadEnds } from '../../activities/upload/plan/plan-upload.js';
import { UPLOAD_MAX_DURATION_MS } from '../../src/model/operations.js';
import type { QueueTable } from '../../src/model/table.js';
import type { Contestant, Opened } from '../contestant.js';
import { openDatabase } from '../open-database.js';
import { quietAttempt } from '../quiet-attempt.js';
import type { UploadSite } from './site.js';

/** What a variant of the product does otherwise than by default. */
export interface Variant extends Pick<UploadEnds, 'batchesInFlight'>, Pick<QueueTable, 'custody'> {
  readonly batchRows?: number;
}

/** The default of `METER_SYNC_BATCH_ROWS`. */
export const BATCH_ROWS = 50_000;

/** The table of readings, as the product's defaults name it. */
export const READINGS: QueueTable = {
  table: { schema: null, name: 'meter_readings' },
  key: ['id'],
  order: 'created_at',
  flag: 'is_synchronized',
};

const SITE = 'bench';

/** The product's own upload, called as its worker calls it: one activity after the other until the queue is empty. */
export function meterSync(name: string, note: string, variant: Variant): Contestant<UploadSite> {
  return { name, note, isRepeatSafe: true, open: (site) => openProduct(site, variant) };
}

async function openProduct({ localUrl, remoteUrl }: UploadSite, variant: Variant): Promise<Opened> {
  const [local, remote] = [openDatabase('local', localUrl), openDatabase('remote', remoteUrl)];
  await migrate(local);
  await migrate(remote);
  await ensureSiteKey(local, SITE);
  const { batchRows = BATCH_ROWS, batchesInFlight, custody } = variant;
  const ends: UploadEnds = {
    local,
    remote,
    readings: { ...READINGS, ...(custody === undefined ? {} : { custody }) },
    ...(batchesInFlight === undefined ? {} : { batchesInFlight }),
  };
  return {
    run: () => drainAll(ends, batchRows),
    close: async () => {
      await local.pool.end();
      await remote.pool.end();
    },
  };
}

async function drainAll(ends: UploadEnds, batchRows: number): Promise<void> {
  const input = { siteId: SITE, batchRows, maxDurationMs: UPLOAD_MAX_DURATION_MS };
  let hasMore = true;
  while (hasMore) hasMore = (await drainQueue(ends, input, quietAttempt())).more;
}

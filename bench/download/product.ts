import { makeEqual } from '../../activities/download/make-equal.js';
import { migrate } from '../../activities/bookkeeping/migrations.js';
import type { OwnedTable } from '../../src/model/table.js';
import type { Contestant, Opened } from '../contestant.js';
import { openDatabase } from '../open-database.js';
import { quietAttempt } from '../quiet-attempt.js';
import type { DownloadSite } from './site.js';

const METERS: OwnedTable = { table: { schema: null, name: 'meter' }, key: ['id'], filter: null };

/** The product's own download, called as its worker calls it. */
export const METER_SYNC: Contestant<DownloadSite> = {
  name: 'meter-sync',
  note: 'the product with its defaults',
  isRepeatSafe: true,
  open: openProduct,
};

/** The product's own bookkeeping of a table, as it is after the first download of a site's life. */
export async function settle(site: DownloadSite): Promise<void> {
  const product = await openProduct(site);
  await product.run();
  await product.close();
}

/** A case that changes all rows would be held for a person. */
const UNGUARDED = { siteId: 'default', full: false, guard: null };

async function openProduct({ localUrl, remoteUrl }: DownloadSite): Promise<Opened> {
  const [local, remote] = [openDatabase('local', localUrl), openDatabase('remote', remoteUrl)];
  await migrate(local);
  await Promise.all([local, remote].map(({ pool }) => pool.query('select')));
  return {
    run: async () => void (await makeEqual({ local, remote }, METERS, quietAttempt(), UNGUARDED)),
    close: async () => {
      await local.pool.end();
      await remote.pool.end();
    },
  };
}

import { expect, it } from 'vitest';
import { withConnectionLimit } from './connection-limit.js';
import { openSite, toSite } from './site-under-test.js';

it('a role with one connection drains in full batches, one after another', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 3_000);
  const left = await site.contents(site.local);
  const remote = await withConnectionLimit(site.remote, 1);
  const limited = toSite({ local: site.local, remote }, site.ends.readings);
  const sizes: unknown[] = [];
  const result = await limited.upload({ batchRows: 500, onHeartbeat: ({ inserted }) => void sizes.push(inserted) });
  expect(result).toMatchObject({
    selected: 3_000,
    inserted: 3_000,
    removed: 3_000,
    batches: 6,
    more: false,
    queueSize: 0,
  });
  expect(result.totalUploaded).toBe(3_000);
  expect(await site.contents(site.remote)).toEqual(left);
  expect(await site.remote.value('select max(seq) from meter_sync.custody')).toBe('6');
  expect(limited.logged.map(({ message }) => message)).toContain(
    'no connection for a second batch; one batch follows another',
  );
  expect(sizes).toHaveLength(6);
});

it('a server without any connection left is busy, and its batches keep their size', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  const remote = await withConnectionLimit(site.remote, 0);
  const limited = toSite({ local: site.local, remote }, site.ends.readings);
  await expect(limited.upload({ batchRows: 500 })).rejects.toMatchObject({ kind: 'busy', sqlstate: '53300' });
  await site.remote.sql(`alter role ${remote.role} connection limit 1`);
  expect(await limited.upload({ batchRows: 500 })).toMatchObject({ inserted: 100, batches: 1 });
});

import { expect, it } from 'vitest';
import { untilLockIsAwaited } from '../../support/locks.js';
import { openSite } from './site-under-test.js';

it('a run whose place another run has taken removes nothing, and says that it was not alone', async (context) => {
  const site = await openSite(context);
  await site.queueReadings(1, 100);
  await site.local.sql(`
    create function hold() returns trigger language plpgsql as 'begin perform pg_advisory_xact_lock(1); return null; end';
    create trigger hold before delete on meter_readings for each statement execute function hold()`);
  const holder = await site.local.admin.pool.connect();
  await holder.query('select pg_advisory_lock(1)');
  const upload = site.upload();
  upload.catch(() => undefined); // looked at below
  await untilLockIsAwaited(site.local);
  await site.local.sql(
    `insert into meter_sync.upload_state (site, batch, rows, moved_at) values ('test', 1, 0, now())`,
  );
  await holder.query('select pg_advisory_unlock(1)');
  holder.release();
  await expect(upload).rejects.toMatchObject({
    kind: 'busy',
    place: { side: 'local', table: 'meter_sync.upload_state' },
  });
  expect(await site.count(site.local)).toBe(100);
});

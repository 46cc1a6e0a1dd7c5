import { expect, inject, test } from 'vitest';
import { ensureSiteKey } from '../../activities/custody/records/site-key.js';
import { createDatabases } from '../support/postgres.js';
import { connectTemporal } from '../support/temporal.js';
import { killWorkers } from './killed-workers.js';

test('workers killed with -9 in the middle lose no reading and double none', { timeout: 240_000 }, async (context) => {
  const { siteId } = await connectTemporal(context);
  const { local, remote } = await createDatabases(context);
  await ensureSiteKey(local, siteId);
  const custody = await killWorkers({
    siteId,
    temporalAddress: inject('stack').temporalAddress,
    local,
    remote,
    kills: 2,
    readingsPerSecond: 1_000,
    tell: (line) => process.stderr.write(`${line}\n`),
  });
  expect(custody.generated).toBeGreaterThan(1_000);
  expect(custody).toMatchObject({ remote: custody.generated, local: 0, lost: 0, doubled: 0 });
});

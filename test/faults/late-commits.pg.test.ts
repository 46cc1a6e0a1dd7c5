import { expect, it, onTestFinished } from 'vitest';
import { drainQueue } from '../../activities/upload/drain-queue.js';
import type { UploadReadingsResult } from '../../src/model/operations.js';
import type { Side } from '../../src/model/failures.js';
import { createPool } from '../../src/postgres/pool.js';
import type { Database } from '../../src/postgres/session.js';
import { toPoolSettings } from '../support/pool-settings.js';
import { asWorker } from '../support/rights.js';
import { createDatabases, makeTemplates, SITE } from './lab/databases.js';
import { type LabServer, onServer, startServers } from './lab/servers.js';
import { LAB_READINGS } from './lab/worker-messages.js';
import { insertReadings } from './lab/writers.js';

it('a site whose server confirms commits before they are on its disk is not fenced by a crash', async () => {
  const servers = await startServers();
  onTestFinished(servers.close);
  await makeTemplates(servers);
  const databases = await createDatabases(servers, 'late');
  const worker = { local: openAsWorker(servers.local), remote: openAsWorker(servers.remote) };
  const pools = [databases, worker].flatMap(({ local, remote }) => [local.pool, remote.pool]);
  onTestFinished(async () => void (await Promise.all(pools.map((pool) => pool.end()))));
  await onServer(
    servers.local.url('postgres'),
    'alter database late set synchronous_commit to off',
    `alter system set wal_writer_delay to '10s'`, // what is confirmed and not written stays so for long
    'select pg_reload_conf()',
  );
  await databases.local.sql(`set synchronous_commit to on; ${insertReadings('good').replace('$1::integer', '400')}`);
  await drain(worker);
  await servers.local.stopHard();
  await servers.local.start();
  expect(await drain(worker)).toMatchObject({ queueSize: 0, more: false });
  expect(await databases.remote.sql('select count(*) as readings from meter_readings')).toEqual([{ readings: '400' }]);
});

function openAsWorker({ side, url }: LabServer): Database {
  return { side, pool: createPool(toPoolSettings(asWorker(url('postgres')), 'late'), () => undefined) };
}

function drain({ local, remote }: Readonly<Record<Side, Database>>): Promise<UploadReadingsResult> {
  const never = new AbortController().signal;
  const quiet = (): void => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const input = { siteId: SITE, batchRows: 100, maxDurationMs: 60_000 };
  return drainQueue({ local, remote, readings: LAB_READINGS }, input, {
    signal: never,
    earlyEnd: never,
    heartbeat: quiet,
    log,
  });
}

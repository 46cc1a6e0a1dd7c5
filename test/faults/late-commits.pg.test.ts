import { expect, it, onTestFinished } from 'vitest';
import { drainQueue } from '../../activities/upload/drain-queue.js';
import type { UploadReadingsResult } from '../../src/model/operations.js';
import { createDatabases, type LabDatabases, makeTemplates } from './lab/databases.js';
import { onServer, startServers } from './lab/servers.js';
import { LAB_READINGS } from './lab/worker-messages.js';
import { insertReadings } from './lab/writers.js';

it('a site whose server confirms commits before they are on its disk is not fenced by a crash', async () => {
  const servers = await startServers();
  onTestFinished(servers.close);
  await makeTemplates(servers);
  const databases = await createDatabases(servers, 'late');
  onTestFinished(async () => void (await Promise.all([databases.local.pool.end(), databases.remote.pool.end()])));
  await onServer(
    servers.local.url('postgres'),
    'alter database late set synchronous_commit to off',
    `alter system set wal_writer_delay to '10s'`, // what is confirmed and not written stays so for long
    'select pg_reload_conf()',
  );
  await databases.local.sql(`set synchronous_commit to on; ${insertReadings('good').replace('$1::integer', '400')}`);
  await drain(databases);
  await servers.local.stopHard();
  await servers.local.start();
  expect(await drain(databases)).toMatchObject({ queueSize: 0, more: false });
  expect(await databases.remote.sql('select count(*) as readings from meter_readings')).toEqual([{ readings: '400' }]);
});

function drain({ local, remote }: LabDatabases): Promise<UploadReadingsResult> {
  const never = new AbortController().signal;
  const quiet = (): void => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const input = { siteId: 'late', batchRows: 100, maxDurationMs: 60_000 };
  return drainQueue({ local, remote, readings: LAB_READINGS }, input, {
    signal: never,
    earlyEnd: never,
    heartbeat: quiet,
    log,
  });
}

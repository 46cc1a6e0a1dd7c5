import { makeEqual } from '../../../activities/download/make-equal.js';
import { createPool } from '../../../src/postgres/pool.js';
import { toPoolSettings } from '../../support/pool-settings.js';

/** A process that downloads `meter` once, to be killed: its arguments are the URLs of the local and the remote database. */
const [local, remote] = process.argv.slice(2).map((url) => {
  const settings = toPoolSettings(url, new URL(url).pathname.slice(1));
  return createPool(settings, () => undefined); // the one who kills it looks at the database, not at its errors
});
if (local === undefined || remote === undefined) throw new Error('expected two URLs');
const never = new AbortController().signal;
const silent = (): void => undefined;
await makeEqual(
  { local: { side: 'local', pool: local }, remote: { side: 'remote', pool: remote } },
  { table: { schema: null, name: 'meter' }, key: ['id'], filter: null },
  {
    signal: never,
    earlyEnd: never,
    heartbeat: silent,
    log: { debug: silent, info: silent, warn: silent, error: silent },
  },
  { siteId: 'site-1', full: false },
);
await Promise.all([local.end(), remote.end()]);

import { openDatabases, prepareDatabases, toStackConfig } from '../../src/dev/stack-site.js';
import { startStack } from '../../src/dev/stack/stack.js';
import { killWorkers } from './killed-workers.js';

/** `npm run kill-nine`: ten workers killed with -9 while 1,000 readings a second arrive. Exit code 1 on a loss or a double. */
const KILLS = 10;
const READINGS_PER_SECOND = 1_000;

const tell = (line: string): void => void process.stderr.write(`${line}\n`);
const stack = await startStack({ env: process.env, tell });
try {
  const siteId = 'kill-nine';
  const databases = openDatabases(toStackConfig(stack, siteId, 'sample', process.env));
  await prepareDatabases(databases, siteId, 'sample');
  await databases.close();
  const startedAt = Date.now();
  const { local, remote, temporalAddress } = stack;
  const ordeal = { siteId, local, remote, temporalAddress, kills: KILLS, readingsPerSecond: READINGS_PER_SECOND, tell };
  const custody = await killWorkers(ordeal);
  process.stdout.write(`${JSON.stringify({ ...custody, seconds: Math.round((Date.now() - startedAt) / 1000) })}\n`);
  process.exitCode = custody.lost === 0 && custody.doubled === 0 && custody.remote === custody.generated ? 0 : 1;
} finally {
  await stack.stop();
}

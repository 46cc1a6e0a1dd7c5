import pg from 'pg';
import { sampleSchema } from '../../src/dev/sample/schema.js';
import { startStack } from '../../src/dev/stack/stack.js';
import type { Side } from '../../src/model/failures.js';
import { prepareBookkeeping } from '../support/bookkeeping.js';
import { asWorker, grantOnSample, makeWorker } from '../support/rights.js';
import { killWorkers, type OrdealDatabase } from './killed-workers.js';

/** `npm run kill-nine`: ten workers killed with -9 while 1,000 readings a second arrive. Exit code 1 on a loss or a double. */
const SITE = 'kill-nine';
const KILLS = 10;
const READINGS_PER_SECOND = 1_000;

const tell = (line: string): void => void process.stderr.write(`${line}\n`);
const stack = await startStack({ env: process.env, tell });
try {
  const startedAt = Date.now();
  const databases = { local: await prepare(stack.local, 'local'), remote: await prepare(stack.remote, 'remote') };
  const { temporalAddress } = stack;
  const ordeal = { temporalAddress, kills: KILLS, readingsPerSecond: READINGS_PER_SECOND, tell };
  const custody = await killWorkers({ siteId: SITE, ...databases, ...ordeal });
  process.stdout.write(`${JSON.stringify({ ...custody, seconds: Math.round((Date.now() - startedAt) / 1000) })}\n`);
  process.exitCode = custody.lost === 0 && custody.doubled === 0 && custody.remote === custody.generated ? 0 : 1;
} finally {
  await stack.stop();
}

/** The sample's tables and our schema, with the least rights for the workers. */
async function prepare(url: string, side: Side): Promise<OrdealDatabase> {
  const pool = new pg.Pool({ connectionString: url });
  await pool.query(`
    ${makeWorker(decodeURIComponent(new URL(url).password))};
    ${sampleSchema(side)};
    ${grantOnSample(side)}`);
  await prepareBookkeeping({ side, pool }, [SITE]);
  await pool.end();
  return { url: asWorker(url), admin: { url } };
}

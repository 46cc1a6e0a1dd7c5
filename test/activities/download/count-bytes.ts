import { onTestFinished } from 'vitest';
import { createPool } from '../../../src/postgres/pool.js';
import type { Database } from '../../../src/postgres/session.js';
import type { TestDatabase } from '../../support/postgres.js';
import { openProxy, type Verdict } from '../../support/tcp-proxy.js';

/** A database behind a proxy that counts what passes, in both directions. */
export interface CountedDatabase extends Database {
  /** Bytes since the last call. */
  readonly takeBytes: () => number;
}

/** Puts a counting proxy before a test's database; closed with the test. `onConnect` runs on each new connection. */
export async function countBytes({ settings, side }: TestDatabase, onConnect = 'select'): Promise<CountedDatabase> {
  const proxy = await openProxy({ host: settings.host, port: settings.port });
  const pool = createPool({ ...settings, host: '127.0.0.1', port: proxy.port }, () => undefined);
  pool.on('connect', (client) => void client.query(onConnect));
  onTestFinished(async () => {
    await pool.end();
    await proxy.close();
  });
  let bytes = 0;
  const count = (chunk: Buffer): Verdict => {
    bytes += chunk.length;
    return { pass: chunk, isCut: false };
  };
  proxy.toServer = count;
  proxy.toClient = count;
  return {
    side,
    pool,
    takeBytes: () => {
      const taken = bytes;
      bytes = 0;
      return taken;
    },
  };
}

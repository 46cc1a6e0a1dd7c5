import { onTestFinished } from 'vitest';
import type { ServerWait, WaitLimits } from '../../src/model/silence.js';
import { createPool } from '../../src/postgres/pool.js';
import type { TestDatabase } from './postgres.js';
import { openProxy, type TcpProxy } from './tcp-proxy.js';

/** The limits of a wait, shorter than in use by far; a busy machine must still be able to connect within them. */
export const SHORT_LIMITS: WaitLimits = {
  lookAfterMs: 100,
  lookEveryMs: 200,
  lookTimeoutMs: 600,
  toldAfterMs: 300,
  givenUpAfterMs: 1_200,
  atWorkForMs: 8_000,
};

/** A database behind a link that can be frozen; what its connections wait for is told. */
export interface LinkedDatabase extends TestDatabase {
  readonly proxy: TcpProxy;
  readonly limits: WaitLimits;
  readonly onWait: (connection: object, wait: ServerWait | null) => void;
  /** What was told, each sentence once; null: a wait was over. */
  readonly told: (string | null)[];
}

/** Puts a proxy before a test's database; closed with the test. */
export async function linkTo(
  database: TestDatabase,
  changes: Partial<WaitLimits> = {},
  user?: { readonly name: string; readonly password: string },
): Promise<LinkedDatabase> {
  const proxy = await openProxy(database.settings);
  const as = user === undefined ? {} : { user: user.name, password: () => user.password };
  const settings = { ...database.settings, ...as, host: '127.0.0.1', port: proxy.port };
  const pool = createPool(settings, () => undefined); // idle connections are cut, too
  onTestFinished(async () => {
    await proxy.close();
    await pool.end();
  });
  const told: (string | null)[] = [];
  const onWait = (_: object, wait: ServerWait | null): void => void told.push(wait?.message ?? null);
  return { ...database, settings, pool, proxy, limits: { ...SHORT_LIMITS, ...changes }, onWait, told };
}

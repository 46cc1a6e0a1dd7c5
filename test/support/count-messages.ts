import type { Pool, PoolClient } from 'pg';

/** What a pool has asked of its server since the count began. */
export interface Counted {
  /** New connections. */
  connections: number;
  /** Messages with statements, whatever they hold. */
  messages: number;
}

/** Counts what goes through a pool from now on, over connections that stand as well as over new ones. */
export function countMessages(pool: Pool): Counted {
  const counted = { connections: 0, messages: 0 };
  const watched = new WeakSet<PoolClient>();
  pool.on('connect', () => void (counted.connections += 1));
  pool.on('acquire', (client) => {
    if (watched.has(client)) return;
    watched.add(client);
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      counted.messages += 1;
      return query(...args);
    }) as typeof client.query;
  });
  return counted;
}

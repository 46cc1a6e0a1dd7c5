import type { PoolClient } from 'pg';

/**
 * Destroys the connection, so that everything that waits on it fails at once and the server rolls back. `pg` cannot
 * cancel a query, and a cancel request over a dead link helps nobody.
 */
export function cutConnection(client: PoolClient): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

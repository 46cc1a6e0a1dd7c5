import type { ClientBase } from 'pg';
import { wireOf } from './client.js';

/**
 * Destroys the connection, so that everything that waits on it fails at once and the server rolls back. `pg` cannot
 * cancel a query, and a cancel request over a dead link helps nobody.
 */
export function cutConnection(client: ClientBase): void {
  wireOf(client).stream.destroy();
}

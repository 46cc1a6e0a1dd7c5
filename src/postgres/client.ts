import pg from 'pg';
import type { Socket } from 'node:net';

/** What `pg` has and does not type. */
export interface Wire extends pg.Connection {
  readonly stream: Socket;
  attachListeners(stream: Socket): void;
}

/**
 * A client whose socket ends with its first error. `pg` leaves it open when a password cannot be given: the server then
 * waits a minute for it, and can neither make nor drop a database meanwhile.
 */
export class TidyClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    const wire = wireOf(this);
    wire.on('error', () => wire.stream.destroy());
  }
}

/** The protocol's side of a client. */
export function wireOf(client: pg.ClientBase): Wire {
  return (client as unknown as { connection: Wire }).connection;
}

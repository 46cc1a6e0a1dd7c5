import type { ClientConfig } from 'pg';
import { TidyClient, type Wire, wireOf } from './client.js';

/** PostgreSQL's answers to a request for TLS. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL */
const NO_TLS = 'N'.charCodeAt(0);

/**
 * A client that asks for TLS and goes on without where the server has none, as libpq's `sslmode=prefer`. `pg` takes that
 * answer as an error and ends the socket, so the answer is taken from it before it looks: on the same socket, since the
 * server waits there for the startup message. A handshake that fails stays an error.
 */
export class OptionalTlsClient extends TidyClient {
  constructor(config?: ClientConfig) {
    super(config);
    const connection = wireOf(this);
    connection.once('connect', () => takeRefusal(connection));
  }
}

function takeRefusal(connection: Wire): void {
  const { stream } = connection;
  const listeners = stream.listeners('data') as ((chunk: Buffer) => void)[];
  stream.removeAllListeners('data');
  stream.once('data', (answer: Buffer) => {
    if (answer.length !== 1 || answer[0] !== NO_TLS) {
      for (const listener of listeners) listener.call(stream, answer);
      return;
    }
    connection.attachListeners(stream);
    connection.emit('sslconnect'); // sends the startup message
  });
}

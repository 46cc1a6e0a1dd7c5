import type pg from 'pg';
import { type Address, TidyClient, type TidyClientConfig } from './client.js';
import { ConnectionProblem } from './connection-problem.js';
import { toDatabaseFailure, toFailureKind } from './errors.js';

/** What a server must be for its address to be taken; libpq's `target_session_attrs`, as far as a program that writes can use it. */
export type SessionAttrs = 'any' | 'read-write' | 'primary';

/** Several hosts that may have the database: a primary and its standbys, most often. */
export interface AddressList {
  readonly addresses: readonly Address[];
  readonly attrs: SessionAttrs;
}

/**
 * The first address of a list, in its order, whose server lets us in and is what is wanted. It is asked over a connection
 * of its own, which ends at once, so that a failover is seen by the next connection and by nobody who must be told.
 * @throws ConnectionProblem `unreachable` - no server is what is wanted; says what became of each
 * @throws ConnectionProblem `credentials` - a server has refused us: as in libpq, the others are then not tried
 */
export async function findAddress(config: TidyClientConfig, { addresses, attrs }: AddressList): Promise<Address> {
  const met: string[] = [];
  for (const address of addresses) {
    const place = `${address.host}:${address.port}`;
    try {
      const isWanted = await withClient({ ...config, ...address }, (client) => isOfAttrs(client, attrs));
      if (isWanted) return address;
      met.push(`${place} is no server that takes writes (expected ${attrs})`);
    } catch (error) {
      if (toFailureKind(error) === 'credentials') throw error;
      met.push(`${place}: ${toDatabaseFailure(error, 'remote').message.replace(/^remote database: /, '')}`);
    }
  }
  throw new ConnectionProblem('unreachable', `none of the hosts can be used: ${met.join('; ')}`);
}

async function withClient<Result>(
  config: TidyClientConfig,
  ask: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new TidyClient(config);
  client.on('error', () => undefined); // what fails tells so by itself; a loss after the answer is nobody's
  await client.connect();
  try {
    return await ask(client);
  } finally {
    await client.end();
  }
}

async function isOfAttrs(client: pg.Client, attrs: SessionAttrs): Promise<boolean> {
  if (attrs === 'any') return true;
  const { rows } = await client.query<{ standby: string; writes: string }>(
    `select pg_is_in_recovery()::text as standby, (current_setting('transaction_read_only') = 'off')::text as writes`,
  );
  const [server] = rows;
  return server?.standby === 'false' && (attrs === 'primary' || server.writes === 'true');
}

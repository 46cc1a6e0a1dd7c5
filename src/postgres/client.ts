import { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { ConnectionProblem } from './connection-problem.js';
import { hearGreeting, hearTlsAnswer } from './first-answer.js';

/** What `pg` has and does not type. */
interface Wire extends pg.Connection {
  /** Another one once the connection speaks TLS. */
  readonly stream: Socket;
  ssl: boolean | ConnectionOptions;
  attachListeners(stream: Socket): void;
}

/** One of the servers that a name may lead to. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a client needs beyond what `pg` knows. */
export interface TidyClientConfig extends pg.ClientConfig {
  /** Asked for each connection, so that renewed certificates are taken; with `ssl: true` alone. */
  readonly readTls?: () => Promise<ConnectionOptions>;
  /** With `ssl: true`: continue without TLS where the server has none, as libpq's `sslmode=prefer`. */
  readonly isTlsOptional?: boolean;
  /** Refuse to log in to a server that cannot prove, by channel binding, that nobody sits in between. */
  readonly needsChannelBinding?: boolean;
  /** Asked for each connection, where several hosts may have the database. */
  readonly findAddress?: () => Promise<Address>;
}

/**
 * A client that
 * - ends its socket with its first error: `pg` leaves it open when a password cannot be given, and the server then waits a
 *   minute for it and can neither make nor drop a database meanwhile;
 * - hears the server's first words before `pg` does, so that no TLS can be an answer, and no PostgreSQL an error;
 * - finds its server and reads its certificates anew each time.
 */
export class TidyClient extends pg.Client {
  readonly #config: TidyClientConfig;

  constructor(config: TidyClientConfig = {}) {
    const { password } = config; // a pool hides it from spreading
    super({ ...config, ...(password === undefined ? {} : { password }), stream: () => new PatientSocket() });
    this.#config = config;
    const wire = wireOf(this);
    const refuse = (problem: ConnectionProblem): void => void wire.emit('error', problem);
    wire.on('error', () => wire.stream.destroy());
    wire.once('connect', () => {
      if (wire.ssl === false) hearGreeting(wire.stream, refuse);
      else if (config.sslnegotiation !== 'direct')
        hearTlsAnswer(wire.stream, { refuse, ...toWithoutTls(wire, config) });
    });
    wire.once('sslconnect', () => hearGreeting(wire.stream, refuse)); // before the startup message is sent
    if (config.needsChannelBinding === true) demandChannelBinding(wire, refuse);
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: ((error: Error) => void) | ((error: null, client: pg.Client) => void)): void;
  override connect(
    callback?: ((error: Error) => void) | ((error: null, client: pg.Client) => void),
  ): Promise<pg.Client> | void {
    const prepared = this.#prepare();
    if (callback === undefined) return prepared.then(() => super.connect());
    const fail = callback as (error: Error) => void;
    prepared.then(() => super.connect(callback)).catch(fail);
  }

  async #prepare(): Promise<void> {
    const { readTls, findAddress } = this.#config;
    if (readTls !== undefined) wireOf(this).ssl = await readTls();
    if (findAddress !== undefined) Object.assign(this, await findAddress());
  }
}

/** On the same socket, since the server waits there for the startup message. */
function toWithoutTls(wire: Wire, { isTlsOptional }: TidyClientConfig): { withoutTls?: () => void } {
  if (isTlsOptional !== true) return {};
  const withoutTls = (): void => {
    wire.attachListeners(wire.stream);
    wire.emit('sslconnect'); // sends the startup message
  };
  return { withoutTls };
}

/** The messages of a login that offer no channel binding; `pg` would answer each of them. */
const UNBOUND_LOGINS = ['authenticationCleartextPassword', 'authenticationMD5Password', 'authenticationOk'];

function demandChannelBinding(wire: Wire, refuse: (problem: ConnectionProblem) => void): void {
  let isBound = false;
  const check = (): void => {
    if (isBound) return;
    const next =
      'Ask the DBA of that database for TLS and a password that is hashed with scram-sha-256, or leave CHANNEL_BINDING out: meter-sync check';
    refuse(new ConnectionProblem('credentials', 'the server offers no channel binding, and it is required', { next }));
  };
  wire.prependListener('authenticationSASL', ({ mechanisms }: { readonly mechanisms: readonly string[] }) => {
    isBound = mechanisms.includes('SCRAM-SHA-256-PLUS');
    check();
  });
  for (const login of UNBOUND_LOGINS) wire.prependListener(login, check);
}

/**
 * How long one of several addresses of a name may take before the next one is tried, within the whole time to connect.
 * Node's 250 ms are less than a trip over a satellite: a slow but good address is then given up for a dead one.
 */
const ADDRESS_TIMEOUT_MS = 3_000;

class PatientSocket extends Socket {
  override connect(...args: unknown[]): this {
    const [port, host] = args;
    if (typeof port !== 'number' || typeof host !== 'string') return super.connect(...(args as [string]));
    return super.connect({ port, host, autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS });
  }
}

/** The protocol's side of a client. */
export function wireOf(client: pg.ClientBase): Wire {
  return (client as unknown as { connection: Wire }).connection;
}

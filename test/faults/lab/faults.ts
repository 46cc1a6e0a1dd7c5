import { setTimeout as pause } from 'node:timers/promises';
import type { Side } from '../../../src/model/failures.js';
import type { LabDatabases } from './databases.js';
import type { Lab } from './lab.js';
import type { Link, Sequel } from './link.js';
import type { Crew } from './crew.js';
import type { Moment } from './wire-proxy.js';

/** What can go wrong. `pooler`: only through PgBouncer. */
export const FAULT_KINDS = ['kill', 'backend', 'socket', 'toxiproxy', 'server', 'zombie', 'pooler'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** What each kind does, for the closing table. */
export const FAULT_WORDS: Readonly<Record<FaultKind, string>> = {
  kill: 'kill -9 of the worker',
  backend: 'pg_terminate_backend',
  socket: 'the socket destroyed',
  toxiproxy: 'the link spoilt by Toxiproxy',
  server: 'a server stopped hard',
  zombie: 'the worker frozen, its lock taken, another one at work',
  pooler: 'kill -9 of PgBouncer',
};

/** One place of the protocol. */
export interface Point {
  readonly side: Side;
  readonly statement: string;
  readonly moment: Moment;
  /** True when only a batch on the careful path comes by. */
  readonly isCareful: boolean;
}

/** A fault that is about to be tried. */
export interface Fault extends Point {
  readonly kind: FaultKind;
  readonly skip: number;
  readonly bytes: number;
  /** Which of its ways a kind takes. */
  readonly variant: number;
}

/** What a fault acts on. */
export interface Scene {
  readonly lab: Lab;
  readonly databases: LabDatabases;
  readonly crew: Crew;
  readonly isPooled: boolean;
}

/** What a fault has left: what becomes of the connection, and what makes the world whole again. */
interface Done {
  readonly sequel: Sequel;
  readonly mend?: () => Promise<void>;
}

type Act = (scene: Scene, fault: Fault, link: Link) => Promise<Done>;

/** How long a server stays down, at most. */
const MAX_DOWN_MS = 200;
const TERMINATE_WITHIN_MS = 2_000;

const kill: Act = async ({ crew }) => {
  await crew.worker.kill();
  return { sequel: 'cut', mend: () => crew.hire() };
};

const backend: Act = async ({ databases, isPooled }, { side, moment }, link) => {
  const isPooledSide = isPooled && side === 'remote';
  const which = isPooledSide ? `state <> 'idle' and pid <> pg_backend_pid()` : `client_port = ${link.serverSidePort}`;
  const ended = await databases[side].sql(
    `select pg_terminate_backend(pid, ${TERMINATE_WITHIN_MS}) from pg_stat_activity
     where datname = current_database() and backend_type = 'client backend' and ${which}`,
  );
  return { sequel: ended.length === 0 || isDeaf(isPooledSide, moment) ? 'cut' : 'goOn' };
};

const socket: Act = () => Promise.resolve({ sequel: 'cut' });

const toxiproxy: Act = async ({ lab, crew }, { side, moment, variant, bytes }) => {
  const link = lab.toxic?.[side];
  if (link === undefined) return { sequel: 'cut' }; // said at the beginning: without Toxiproxy our own proxy cuts
  if (moment === 'answerLost' || variant % 2 === 0) {
    const { open } = await link.shut();
    return { sequel: 'cut', mend: open };
  }
  const stream = variant % 4 === 1 ? 'upstream' : 'downstream';
  const toxics = [
    { type: 'limit_data', stream, attributes: { bytes } },
    { type: 'reset_peer', stream, attributes: { timeout: variant % 50 } },
    { type: 'timeout', stream, attributes: { timeout: 1 + (variant % 100) } },
  ] as const;
  const toxic = toxics[variant % toxics.length] ?? toxics[0];
  const { cure } = await link.poison(toxic);
  return { sequel: 'goOn', mend: () => crew.nextAttempt().then(cure) };
};

const server: Act = async ({ lab, isPooled }, { side, moment, variant }) => {
  const stopped = lab.servers[side];
  await stopped.stopHard();
  const mend = async (): Promise<void> => {
    await pause(variant % MAX_DOWN_MS);
    await stopped.start();
  };
  return { sequel: isDeaf(isPooled && side === 'remote', moment) ? 'cut' : 'goOn', mend };
};

/**
 * A pooler keeps a client whose transaction has ended, whatever becomes of the server. When the lab has dropped the answer,
 * that client would wait for ever, which no network does to a connection that lives.
 */
function isDeaf(isPooledSide: boolean, moment: Fault['moment']): boolean {
  return isPooledSide && moment === 'answerLost';
}

/** The worst sleeper: its site's lock is gone, another worker is at work, and it still has its transactions open. */
const zombie: Act = async ({ databases, crew }, { moment }) => {
  const frozen = crew.worker;
  frozen.signal('SIGSTOP');
  await databases.local.sql(
    `select pg_terminate_backend(pid, ${TERMINATE_WITHIN_MS}) from pg_locks
     where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())`,
  );
  await crew.hire();
  await crew.nextAttempt();
  frozen.signal('SIGCONT');
  const mend = async (): Promise<void> => {
    await crew.nextAttempt();
    await frozen.kill();
  };
  return { sequel: moment === 'answerLost' ? 'cut' : 'goOn', mend };
};

const pooler: Act = async ({ lab, isPooled }) => {
  if (!isPooled || lab.pooler === undefined) return { sequel: 'cut' };
  await lab.pooler.kill();
  return { sequel: 'goOn', mend: lab.pooler.start };
};

/** How each kind is done. */
export const ACTS: Readonly<Record<FaultKind, Act>> = { kill, backend, socket, toxiproxy, server, zombie, pooler };

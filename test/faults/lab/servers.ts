import { join } from 'node:path';
import pg from 'pg';
import { findPostgresBinaries, type PostgresBinaries } from '../../../src/dev/stack/postgres/postgres-binaries.js';
import type { GuardedProcess } from '../../../src/dev/stack/process/guarded-process.js';
import { type PostgresServer, startPostgres } from '../../../src/dev/stack/postgres/postgres-server.js';
import { choosePostgresUser } from '../../../src/dev/stack/postgres/postgres-user.js';
import { openStackFolder, type StackFolder } from '../../../src/dev/stack/stack-folder.js';
import type { Side } from '../../../src/model/failures.js';
import { type Language, optionsOf, SERVER_UNDER_TEST } from '../../support/server-under-test.js';
import { makeData, type SystemServerOptions } from '../../support/system-postgres.js';
import { openWireProxy, type WireProxy } from './wire-proxy.js';

/** A PostgreSQL server that is stopped hard and started again, behind a door that keeps its port. */
export interface LabServer {
  readonly side: Side;
  /** Leads to the server, wherever it listens now. */
  readonly door: WireProxy;
  readonly url: (database: string) => string;
  /** `pg_ctl stop -m immediate`: nothing is flushed, nobody is asked. */
  readonly stopHard: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Both servers of the lab, and the folder of their data, which goes with them. */
export interface LabServers {
  readonly local: LabServer;
  readonly remote: LabServer;
  readonly folder: StackFolder;
  readonly close: () => Promise<void>;
}

/** Which PostgreSQL the lab runs on. */
export interface ServerChoice {
  /** Null: the embedded one; else as in `METER_SYNC_TEST_SERVER`. */
  readonly kind: string | null;
  readonly language: Language;
}

/** Starts two servers of the lab's own. They end with this process. */
export async function startServers({ kind, language }: ServerChoice = OF_THE_TESTS): Promise<LabServers> {
  const folder = await openStackFolder(undefined);
  const started: LabServer[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.stop()));
    await folder.close();
  };
  try {
    const copyFolder = join(folder.path, 'postgresql');
    const make = kind === null ? null : optionsOf(kind, language);
    const binaries = await (make?.findBinaries(copyFolder) ?? findPostgresBinaries(choosePostgresUser(), copyFolder));
    const running = new Map<Side, GuardedProcess>();
    for (const side of ['local', 'remote'] as const) {
      const note = ({ process }: PostgresServer): void => {
        running.set(side, process);
        folder.recordServers([...running.values()]);
      };
      started.push(await startServer(side, folder, { binaries, make, note }));
    }
    const [local, remote] = started as [LabServer, LabServer];
    return { local, remote, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the tests run on, so that each file of them meets the same servers. */
const OF_THE_TESTS: ServerChoice = { kind: SERVER_UNDER_TEST, language: 'de' };

const USER = 'postgres';

interface NewServer {
  readonly binaries: PostgresBinaries;
  /** Null: as our own embedded servers are made. */
  readonly make: SystemServerOptions | null;
  readonly note: (server: PostgresServer) => void;
}

async function startServer(side: Side, folder: StackFolder, { binaries, make, note }: NewServer): Promise<LabServer> {
  const options = {
    binaries,
    user: choosePostgresUser(),
    folder: join(folder.path, side),
    logFile: join(folder.path, `${side}.log`),
    password: folder.password,
    database: 'lab',
    durable: true, // else commits that were confirmed would be gone after a hard stop, as the setting says
  };
  if (make !== null) makeData({ ...options, home: options.folder }, make);
  let server: PostgresServer = await startPostgres(options);
  note(server);
  const door = await openWireProxy(server.port);
  const url = (database: string): string =>
    `postgresql://${USER}:${folder.password}@127.0.0.1:${door.port}/${database}`;
  // What a process leaves in the system's memory outlives the process: only a crash of the machine would need the disk.
  await onServer(url('postgres'), 'alter system set fsync to off', 'select pg_reload_conf()');
  return {
    side,
    door,
    url,
    stopHard: async () => {
      const pid = server.process.identify()?.pid;
      if (pid === undefined) throw new Error(`the ${side} server has ended by itself: see ${options.logFile}`);
      process.kill(pid, 'SIGQUIT'); // what pg_ctl stop -m immediate sends
      await server.process.exited;
    },
    start: async () => {
      server = await startPostgres(options);
      door.target = { host: '127.0.0.1', port: server.port };
      note(server);
    },
    stop: async () => {
      await door.close();
      await server.process.stop();
    },
  };
}

/** Runs statements one by one on a connection of their own. */
export async function onServer(url: string, ...texts: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const text of texts) await client.query(text);
  } finally {
    await client.end();
  }
}

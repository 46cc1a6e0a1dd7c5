import { chown, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findFreePort } from '../../../src/dev/stack/process/free-port.js';
import { type GuardedProcess, startGuarded } from '../../../src/dev/stack/process/guarded-process.js';
import { choosePostgresUser } from '../../../src/dev/stack/postgres/postgres-user.js';
import { until } from '../../support/wait.js';
import type { LabServers } from './servers.js';

/** PgBouncer in transaction mode, in front of the remote server. */
export interface Pooler {
  readonly port: number;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** The server behind it, and whom all its clients are there; its own files are in the subfolder `remote`. */
export interface BehindPooler {
  readonly user: string;
  readonly remote: { readonly door: { readonly port: number } };
  readonly folder: Pick<LabServers['folder'], 'path' | 'password'>;
}

/** Why there is no PgBouncer here; null: there is one. */
export function missingPooler(): string | null {
  const found = spawnSync('pgbouncer', ['--version'], { env: withSbin(), encoding: 'utf8' });
  return found.status === 0 ? null : 'PgBouncer is not installed. On Debian: apt-get install pgbouncer';
}

/** Debian keeps it where an ordinary user's PATH does not lead. */
function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };
}

/** Starts PgBouncer. It ends with this process. */
export async function startPooler({ user: client, remote, folder }: BehindPooler): Promise<Pooler> {
  const port = await findFreePort();
  const user = choosePostgresUser();
  const configFile = join(folder.path, 'remote', 'pgbouncer.ini');
  await writeFile(
    configFile,
    configOf({ port, serverPort: remote.door.port, user: client, password: folder.password }),
    { mode: 0o600 },
  );
  if (user) await chown(configFile, user.uid, user.gid);
  let server: GuardedProcess;
  const start = async (): Promise<void> => {
    server = startGuarded({
      command: 'pgbouncer',
      args: ['-q', configFile],
      env: withSbin(),
      user,
      logFile: join(folder.path, 'pgbouncer.log'),
      pidFile: join(folder.path, 'remote', 'pgbouncer.pid'),
      stopSignal: 'KILL',
    });
    await until(() => listens(port), { what: 'PgBouncer listens', everyMs: 10 });
  };
  await start();
  return {
    port,
    start,
    stop: () => server.stop(),
    kill: async () => {
      const pid = server.identify()?.pid;
      if (pid === undefined) throw new Error(`PgBouncer has ended by itself: see ${folder.path}/pgbouncer.log`);
      process.kill(pid, 'SIGKILL');
      await server.exited;
    },
  };
}

interface Settings {
  readonly port: number;
  readonly serverPort: number;
  readonly user: string;
  readonly password: string;
}

/** A server that was down is tried again at once, so that the lab measures the engine's recovery. */
function configOf({ port, serverPort, user, password }: Settings): string {
  return `
[databases]
* = host=127.0.0.1 port=${serverPort} user=${user} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
server_login_retry = 0.05
logfile =
`;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

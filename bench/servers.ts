import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { findPostgresBinaries, type PostgresBinaries } from '../src/dev/stack/postgres/postgres-binaries.js';
import { type PostgresServer, startPostgres } from '../src/dev/stack/postgres/postgres-server.js';
import { choosePostgresUser } from '../src/dev/stack/postgres/postgres-user.js';
import { openStackFolder } from '../src/dev/stack/stack-folder.js';

/** A running server, and the process whose CPU is its own. */
export interface BenchServer extends PostgresServer {
  readonly pid: number;
  /** Everything that it prints. */
  readonly logFile: string;
}

/** Whose servers: those that come with the product's development, or those of the system's packages, as they come. */
export type ServerOrigin = 'embedded' | 'system';

interface ServerOptions {
  readonly origin?: ServerOrigin;
  /** Beside what `initdb` makes, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Two PostgreSQL servers of their own, as `initdb` sets them up: every commit is on disk before it is confirmed. */
export interface Servers {
  readonly local: BenchServer;
  readonly remote: BenchServer;
}

/** Runs `work` beside two fresh servers, and removes them afterwards. */
export async function withServers<Result>(
  work: (servers: Servers) => Promise<Result>,
  { origin = 'embedded', settings = {} }: ServerOptions = {},
): Promise<Result> {
  const folder = await openStackFolder(undefined);
  const running: PostgresServer[] = [];
  try {
    const user = choosePostgresUser();
    const binaries =
      origin === 'system' ? findSystemBinaries() : await findPostgresBinaries(user, join(folder.path, 'postgresql'));
    const logFile = (side: string): string => join(folder.path, `${side}.log`);
    for (const side of ['local', 'remote']) {
      const paths = { folder: join(folder.path, side), logFile: logFile(side) };
      const server = { binaries, user, password: folder.password, database: 'bench', durable: true, settings };
      if (origin === 'system') initialise({ ...paths, ...server });
      running.push(await startPostgres({ ...paths, ...server }));
      folder.recordServers(running.map(({ process }) => process));
    }
    const [local, remote] = running.map((server, at) => ({
      ...server,
      pid: server.process.identify()?.pid ?? 0,
      logFile: logFile(at === 0 ? 'local' : 'remote'),
    }));
    return await work({ local, remote } as Servers);
  } finally {
    await Promise.all(running.map(({ process }) => process.stop()));
    await folder.close();
  }
}

const INSTALLED = '/usr/lib/postgresql';

/** The newest version in the folder of Debian's packages. @throws Error there is none */
function findSystemBinaries(): PostgresBinaries {
  const [newest] = readdirSync(INSTALLED).sort((a, b) => Number(b) - Number(a));
  if (newest === undefined) throw new Error(`no PostgreSQL is installed in ${INSTALLED}`);
  const [initdb, postgres] = ['initdb', 'postgres'].map((name) => join(INSTALLED, newest, 'bin', name));
  return { initdb, postgres } as PostgresBinaries;
}

/** A data directory as the system's own `initdb` makes it: our own asks for a locale that older versions do not know. */
function initialise({ folder, binaries, user, password }: Parameters<typeof startPostgres>[0]): void {
  const passwordFile = join(folder, 'password');
  mkdirSync(folder);
  writeFileSync(passwordFile, password);
  if (user) for (const path of [folder, passwordFile]) chownSync(path, user.uid, user.gid);
  const ids = user ? { uid: user.uid, gid: user.gid } : {};
  const access = ['--username=postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
  const args = [`--pgdata=${join(folder, 'data')}`, '--encoding=UTF8', '--locale=C.UTF-8', ...access];
  execFileSync(binaries.initdb, args, { ...ids, cwd: folder, stdio: 'ignore' });
}

/** Runs statements on a connection of their own, and answers with the rows of the last one. */
export async function sql<Row = Record<string, unknown>>(url: string, text: string): Promise<Row[]> {
  return withClient(url, async (client) => {
    const result: pg.QueryResult | pg.QueryResult[] = await client.query(text);
    return (Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows) as Row[];
  });
}

/** Runs `work` with a connection of its own. */
export async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

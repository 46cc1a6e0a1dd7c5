import { join } from 'node:path';
import pg from 'pg';
import { findPostgresBinaries } from '../src/dev/stack/postgres/postgres-binaries.js';
import { type PostgresServer, startPostgres } from '../src/dev/stack/postgres/postgres-server.js';
import { choosePostgresUser } from '../src/dev/stack/postgres/postgres-user.js';
import { openStackFolder } from '../src/dev/stack/stack-folder.js';

/** A running server, and the process whose CPU is its own. */
export interface BenchServer extends PostgresServer {
  readonly pid: number;
}

/** Two PostgreSQL servers of their own, as `initdb` sets them up: every commit is on disk before it is confirmed. */
export interface Servers {
  readonly local: BenchServer;
  readonly remote: BenchServer;
}

/** Runs `work` beside two fresh servers, and removes them afterwards. */
export async function withServers<Result>(work: (servers: Servers) => Promise<Result>): Promise<Result> {
  const folder = await openStackFolder(undefined);
  const running: PostgresServer[] = [];
  try {
    const user = choosePostgresUser();
    const binaries = await findPostgresBinaries(user, join(folder.path, 'postgresql'));
    for (const side of ['local', 'remote']) {
      const paths = { folder: join(folder.path, side), logFile: join(folder.path, `${side}.log`) };
      const server = { binaries, user, password: folder.password, database: 'bench', durable: true };
      running.push(await startPostgres({ ...paths, ...server }));
      folder.recordServers(running.map(({ process }) => process));
    }
    const [local, remote] = running.map((server) => ({ ...server, pid: server.process.identify()?.pid ?? 0 }));
    return await work({ local, remote } as Servers);
  } finally {
    await Promise.all(running.map(({ process }) => process.stop()));
    await folder.close();
  }
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

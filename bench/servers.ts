import { join } from 'node:path';
import pg from 'pg';
import { findPostgresBinaries } from '../src/dev/postgres-binaries.js';
import { startPostgres, type PostgresServer } from '../src/dev/postgres-server.js';
import { choosePostgresUser } from '../src/dev/postgres-user.js';
import { openStackFolder } from '../src/dev/stack-folder.js';

/** Two PostgreSQL servers of their own, as `initdb` sets them up: every commit is on disk before it is confirmed. */
export interface Servers {
  readonly local: PostgresServer;
  readonly remote: PostgresServer;
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
    const [local, remote] = running as [PostgresServer, PostgresServer];
    return await work({ local, remote });
  } finally {
    await Promise.all(running.map(({ process }) => process.stop()));
    await folder.close();
  }
}

/** Runs statements on a database of their own connection, and answers with the rows of the last one. */
export async function sql<Row = Record<string, unknown>>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result: pg.QueryResult | pg.QueryResult[] = await client.query(text);
    return (Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows) as Row[];
  } finally {
    await client.end();
  }
}

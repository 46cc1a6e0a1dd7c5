import { type Servers, sql } from './servers.js';

/** Templates of one case, one at each end. */
export interface Templates {
  readonly local: string;
  readonly remote: string;
}

const RUN = 'run';

/** The databases of one run, fresh copies of their templates, with nothing left to be written by the servers. */
export async function makeFreshCopies(
  servers: Servers,
  templates: Templates,
): Promise<{ localUrl: string; remoteUrl: string }> {
  for (const side of ['local', 'remote'] as const) {
    const server = servers[side];
    await sql(server.url(), `drop database if exists ${RUN} with (force)`);
    await sql(server.url(), `create database ${RUN} template ${templates[side]} strategy file_copy`);
  }
  for (const side of ['local', 'remote'] as const) await sql(servers[side].url(), 'checkpoint');
  return { localUrl: servers.local.url(RUN), remoteUrl: servers.remote.url(RUN) };
}

/** Number and checksum of a table's rows, over the given columns: the same text at both ends means the same content. */
export async function readContent(url: string, table: string, columns: readonly string[]): Promise<string> {
  const [row] = await sql<{ sum: string }>(
    url,
    `select count(*) || ' rows, sum ' || coalesce(sum(hashtextextended(row(${columns.join(', ')})::text, 0)), 0) as sum
     from ${table}`,
  );
  return row?.sum ?? '';
}

import { showProgress } from '../progress.js';
import { type Servers, sql } from '../servers.js';
import { createMeterTable, insertMeters, loadPoints } from './meter-table.js';
import { settle } from './product.js';

/**
 * Makes the templates of every case at both ends.
 * @returns whether the meters are real ones
 */
export async function makeDownloadTemplates(
  servers: Servers,
  rowCounts: readonly number[],
  archive: string,
): Promise<'real' | 'made'> {
  let meters: 'real' | 'made' = 'made';
  for (const side of ['local', 'remote'] as const) {
    await sql(servers[side].url(), 'create database points');
    meters = await loadPoints(servers[side].url('points'), archive);
  }
  for (const rows of rowCounts) {
    showProgress(`making tables of ${rows} meters`);
    const name = `full_${rows}`;
    await makeTable(servers, 'remote', name, rows);
    await makeTable(servers, 'local', name, rows);
    await makeTable(servers, 'local', `empty_${rows}`, 0);
    await settle({ localUrl: servers.local.url(name), remoteUrl: servers.remote.url(name) });
    await sql(servers.local.url(name), 'vacuum analyze');
  }
  return meters;
}

async function makeTable(servers: Servers, side: 'local' | 'remote', database: string, rows: number): Promise<void> {
  const server = servers[side];
  await sql(server.url(), `create database ${database} template points strategy file_copy`);
  const url = server.url(database);
  await sql(url, createMeterTable());
  if (rows > 0) await sql(url, insertMeters(rows));
  await sql(url, 'drop table point, listed');
  await sql(url, 'vacuum analyze');
}

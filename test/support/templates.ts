import pg from 'pg';

import { sampleSchema } from '../../src/dev/sample/schema.js';
import { wideReadingsTable } from '../../bench/upload/wide-readings.js';
import type { Side } from '../../src/model/failures.js';
import { createPool } from '../../src/postgres/pool.js';
import { prepareBookkeeping } from './bookkeeping.js';
import { toPoolSettings } from './pool-settings.js';
import { grantOnSample, makeWorker } from './rights.js';

/**
 * What a test's databases hold when it begins. `empty`: nothing. `bookkeeping`: the `meter_sync` schema. `sample`: the sample tables. `ready`: these and the
 * `meter_sync` schema. `wide`: as `ready`, with the readings table of 120 columns.
 */
export type Template = 'empty' | 'bookkeeping' | 'sample' | 'ready' | 'wide';

/** The database that a test's database is cloned from, which takes some 30 ms. */
export function templateName(template: Template): string {
  return template === 'empty' ? 'template1' : `template_${template}`;
}

/**
 * How to clone a database on this server, as SQL. From 15 on PostgreSQL would write each page of the clone to its log, which
 * takes twice as long and makes the drop slow, too (50 and 30 ms against 23 and 7, 2026-11-27); before, files are copied anyway.
 */
export async function findCloneStrategy(serverUrl: string): Promise<string> {
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();
  try {
    const { rows } = await server.query<{ version: number }>(
      `select current_setting('server_version_num')::integer as version`,
    );
    return (rows[0]?.version ?? 0) >= 150_000 ? 'strategy file_copy' : '';
  } finally {
    await server.end();
  }
}

/** Makes the templates on a server, once a run, as an administrator does: with what `init --print` shows for the worker's role. */
export async function makeTemplates(serverUrl: string, side: Side): Promise<void> {
  const { password } = new URL(serverUrl);
  const bookkeeping = (pool: pg.Pool): Promise<void> => prepareBookkeeping({ side, pool });
  const sample = `${sampleSchema(side)}; ${grantOnSample(side)}`;
  const wide = `drop table meter_readings; ${wideReadingsTable(side)}; ${grantOnSample(side)}`;
  await makeTemplate(serverUrl, 'bookkeeping', 'template1', async (pool) => {
    await pool.query(makeWorker(decodeURIComponent(password)));
    await bookkeeping(pool);
  });
  await makeTemplate(serverUrl, 'sample', 'template1', (pool) => pool.query(sample));
  await makeTemplate(serverUrl, 'ready', 'template_sample', bookkeeping);
  await makeTemplate(serverUrl, 'wide', 'template_ready', (pool) => pool.query(wide));
}

async function makeTemplate(
  serverUrl: string,
  template: Template,
  from: string,
  fill: (pool: pg.Pool) => Promise<unknown>,
): Promise<void> {
  const name = templateName(template);
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();
  try {
    await server.query(`drop database if exists ${name}`); // a kept server has the one of the run before
    await server.query(`create database ${name} template ${from}`);
  } finally {
    await server.end();
  }
  const pool = createPool(toPoolSettings(serverUrl, name), raise);
  try {
    await fill(pool);
  } finally {
    await pool.end();
  }
}

/** A server that goes away while it is set up is a broken run, not a test's business. */
function raise(error: Error): never {
  throw error;
}

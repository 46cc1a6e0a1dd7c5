import pg from 'pg';
import type { Contestant } from '../contestant.js';
import { namesOf, QUEUED, type UploadSite } from './site.js';

type Row = (string | null)[];

/** Rows fetched into the program and sent with `values`, a set of parameters for every row. */
export function multiRowValues(name: string, batchRows: number): Contestant<UploadSite> {
  const note = `${batchRows} rows a statement, on conflict do nothing, DELETE by ids`;
  return fromProgram({ name, note }, batchRows, (site, rows) => {
    const width = site.columns.length;
    const tuples = rows.map((_, at) => `(${site.columns.map((_column, column) => `$${at * width + column + 1}`)})`);
    return { text: `values ${tuples.join(', ')}`, values: rows.flat() };
  });
}

/** Rows fetched into the program and sent as an array for every column. */
export function unnestArrays(batchRows: number): Contestant<UploadSite> {
  const note = `arrays of ${batchRows.toLocaleString('en')} rows, on conflict do nothing, DELETE by ids`;
  return fromProgram({ name: `unnest x ${batchRows / 1_000}k`, note }, batchRows, (site, rows) => ({
    text: `select * from unnest(${site.columns.map(({ type }, at) => `$${at + 1}::${type}[]`).join(', ')})`,
    values: site.columns.map((_, column) => rows.map((row) => row[column])),
  }));
}

type Source = (site: UploadSite, rows: Row[]) => { readonly text: string; readonly values: unknown[] };

function fromProgram(
  { name, note }: { readonly name: string; readonly note: string },
  batchRows: number,
  toSource: Source,
): Contestant<UploadSite> {
  return {
    name,
    note,
    isRepeatSafe: true,
    open: async (site) => {
      const [local, remote] = await Promise.all([site.localUrl, site.remoteUrl].map(connect));
      if (local === undefined || remote === undefined) throw new Error('two connections are needed');
      return {
        run: () => moveAll(site, { local, remote, batchRows }, toSource),
        close: async () => void (await Promise.all([local.end(), remote.end()])),
      };
    },
  };
}

interface Ends {
  readonly local: pg.Client;
  readonly remote: pg.Client;
  readonly batchRows: number;
}

/** A commit on the remote, then one here, batch after batch: what is deleted has arrived. */
async function moveAll(site: UploadSite, { local, remote, batchRows }: Ends, toSource: Source): Promise<void> {
  const texts = site.columns.map(({ name }) => `r.${name}::text`).join(', ');
  const select = `select ${texts} from ${QUEUED.replace('where', 'as r where')} order by r.created_at, r.id limit ${batchRows}`;
  const insert = `insert into meter_readings (${namesOf(site)})`;
  const idAt = site.columns.findIndex(({ name }) => name === 'id');
  for (;;) {
    const { rows } = await local.query<Row>({ text: select, rowMode: 'array' });
    if (rows.length === 0) return;
    const source = toSource(site, rows);
    await remote.query(`${insert} ${source.text} on conflict (id) do nothing`, source.values);
    await local.query('delete from meter_readings where id = any($1)', [rows.map((row) => row[idAt])]);
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}

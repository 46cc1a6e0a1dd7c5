import pg from 'pg';
import type { Contestant } from '../contestant.js';
import { METER_COLUMNS, METER_NAMES } from './meter-table.js';
import type { DownloadSite } from './site.js';

type Row = (string | null)[];

/** Both tables into the program, compared there, differences written with `writeRows` at a time. */
export function fetchAll(name: string, writeRows: number): Contestant<DownloadSite> {
  return {
    name,
    note:
      'select everything at both ends, compare in the program, ' +
      (writeRows === 1 ? 'write row by row' : `write ${writeRows.toLocaleString('en')} rows a statement`),
    isRepeatSafe: true,
    open: async ({ localUrl, remoteUrl }) => {
      const [local, remote] = [localUrl, remoteUrl].map((url) => new pg.Client({ connectionString: url }));
      if (local === undefined || remote === undefined) throw new Error('two connections are needed');
      await Promise.all([local.connect(), remote.connect()]);
      return {
        run: () => makeEqual(local, remote, writeRows),
        close: async () => void (await Promise.all([local.end(), remote.end()])),
      };
    },
  };
}

async function makeEqual(local: pg.Client, remote: pg.Client, writeRows: number): Promise<void> {
  const [wanted, present] = await Promise.all([readAll(remote), readAll(local)]);
  const byId = new Map(present.map((row) => [row[0], row]));
  const fresh = wanted.filter((row) => !byId.has(row[0] ?? null));
  const changed = wanted.filter((row) => {
    const other = byId.get(row[0] ?? null);
    return other !== undefined && row.some((value, at) => value !== other[at]);
  });
  if (fresh.length + changed.length === 0) return;
  await local.query('begin');
  for (const rows of inParts(fresh, writeRows)) await write(local, INSERT, rows);
  for (const rows of inParts(changed, writeRows)) await write(local, UPDATE, rows);
  await local.query('commit');
}

async function readAll(client: pg.Client): Promise<Row[]> {
  const text = `select ${METER_NAMES.map((name) => `${name}::text`).join(', ')} from meter`;
  return (await client.query<Row>({ text, rowMode: 'array' })).rows;
}

const ARRAYS = METER_COLUMNS.map(({ type }, at) => `$${at + 1}::${type}[]`).join(', ');
const NAMES = METER_NAMES.join(', ');
const INSERT = `insert into meter (${NAMES}) select * from unnest(${ARRAYS})`;
const UPDATE = `
  update meter as m
  set ${METER_NAMES.slice(1)
    .map((name) => `${name} = s.${name}`)
    .join(', ')}
  from unnest(${ARRAYS}) as s (${NAMES})
  where m.id = s.id`;

async function write(client: pg.Client, text: string, rows: readonly Row[]): Promise<void> {
  const values = METER_COLUMNS.map((_, column) => rows.map((row) => row[column]));
  await client.query({ name: text === INSERT ? 'insert' : 'update', text, values });
}

function inParts(rows: readonly Row[], size: number): Row[][] {
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, at) => rows.slice(at * size, (at + 1) * size));
}

import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Contestant } from '../contestant.js';
import { withClient } from '../servers.js';
import { namesOf, type UploadSite } from './site.js';

/** A temporary table for every batch, from which only what is absent is inserted: safe to repeat without a chain. */
export function stagedCopy(batchRows: number): Contestant<UploadSite> {
  return {
    name: `staged COPY x ${batchRows / 1_000}k`,
    note: 'binary COPY into a temporary table, insert on conflict do nothing, one DELETE a batch',
    isRepeatSafe: true,
    open: (site) =>
      Promise.resolve({
        run: () =>
          withClient(site.localUrl, (local) =>
            withClient(site.remoteUrl, (remote) => moveAll(site, local, remote, batchRows)),
          ),
        close: () => Promise.resolve(),
      }),
  };
}

async function moveAll(site: UploadSite, local: pg.Client, remote: pg.Client, batchRows: number): Promise<void> {
  let above = 'true';
  for (;;) {
    await local.query('begin isolation level repeatable read');
    const { rows } = await local.query<{ created_at: string; id: string }>(
      `select r.created_at::text, r.id::text from meter_readings as r
       where r.is_synchronized is not true and ${above}
       order by r.created_at, r.id offset ${batchRows - 1} limit 1`,
    );
    const [last] = rows;
    const place = last === undefined ? null : `(${pg.escapeLiteral(last.created_at)}::timestamptz, '${last.id}'::uuid)`;
    const upTo = place === null ? 'true' : `(r.created_at, r.id) <= ${place}`;
    const batch = `meter_readings as r where r.is_synchronized is not true and ${above} and ${upTo}`;
    await send(site, local, remote, batch);
    await local.query(`delete from ${batch}`);
    await local.query('commit');
    if (place === null) return;
    above = `(r.created_at, r.id) > ${place}`;
  }
}

async function send(site: UploadSite, local: pg.Client, remote: pg.Client, batch: string): Promise<void> {
  const names = namesOf(site);
  await remote.query('begin; create temporary table staged (like meter_readings) on commit drop');
  await pipeline(
    local.query(copyTo(`copy (select ${namesOf(site, 'r')} from ${batch}) to stdout (format binary)`)),
    remote.query(copyFrom(`copy staged (${names}) from stdin (format binary)`)),
  );
  await remote.query(
    `insert into meter_readings (${names}) select ${names} from staged on conflict (id) do nothing; commit`,
  );
}

import type { Contestant } from '../contestant.js';
import { sql } from '../servers.js';
import { shell } from '../shell.js';
import { namesOf, QUEUED, type UploadSite } from './site.js';

/** What an administrator would write in a minute. */
export const PSQL_PIPE: Contestant<UploadSite> = {
  name: 'psql pipe + DELETE',
  note: 'binary COPY of everything into COPY, then one DELETE; loses what arrives in between',
  isRepeatSafe: false,
  usesOtherPrograms: true,
  open: (site) => Promise.resolve({ run: () => pipe(site), close: () => Promise.resolve() }),
};

/** The same, by one who knows that there are two cores. */
export const TWO_PSQL_PIPES: Contestant<UploadSite> = {
  name: 'two psql pipes at once',
  note: 'the same split in two by time, both halves and their deletes at once; loses what arrives in between',
  isRepeatSafe: false,
  usesOtherPrograms: true,
  open: async (site) => {
    const [row] = await sql<{ middle: string }>(
      site.localUrl,
      `select (min(created_at) + (max(created_at) - min(created_at)) / 2)::text as middle from ${QUEUED}`,
    );
    const middle = `'${row?.middle ?? '-infinity'}'::timestamptz`;
    const halves = [`created_at < ${middle}`, `created_at >= ${middle}`];
    return {
      run: async () => void (await Promise.all(halves.map((half) => pipe(site, half)))),
      close: () => Promise.resolve(),
    };
  },
};

/** @param part what of the queue it moves */
function pipe(site: UploadSite, part = 'true'): Promise<void> {
  return shell('psql -qX "$LOCAL" -c "$OUT" | psql -qX "$REMOTE" -c "$IN" && psql -qX "$LOCAL" -c "$DELETE"', {
    LOCAL: site.localUrl,
    REMOTE: site.remoteUrl,
    OUT: `copy (select ${namesOf(site)} from ${QUEUED} and ${part}) to stdout (format binary)`,
    IN: `copy meter_readings (${namesOf(site)}) from stdin (format binary)`,
    DELETE: `delete from ${QUEUED} and ${part}`,
  });
}

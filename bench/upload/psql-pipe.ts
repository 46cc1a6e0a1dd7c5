import type { Contestant } from '../contestant.js';
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

function pipe(site: UploadSite): Promise<void> {
  return shell('psql -qX "$LOCAL" -c "$OUT" | psql -qX "$REMOTE" -c "$IN" && psql -qX "$LOCAL" -c "$DELETE"', {
    LOCAL: site.localUrl,
    REMOTE: site.remoteUrl,
    OUT: `copy (select ${namesOf(site)} from ${QUEUED}) to stdout (format binary)`,
    IN: `copy meter_readings (${namesOf(site)}) from stdin (format binary)`,
    DELETE: `delete from ${QUEUED}`,
  });
}

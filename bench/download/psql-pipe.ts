import type { Contestant } from '../contestant.js';
import { shell } from '../shell.js';
import { METER_NAMES } from './meter-table.js';
import type { DownloadSite } from './site.js';

/** What an administrator would write to fill an empty table. */
export const PSQL_PIPE: Contestant<DownloadSite> = {
  name: 'psql COPY pipe',
  note: 'binary COPY of everything into an empty table; the processes and their connections are started within the time',
  isRepeatSafe: false,
  usesOtherPrograms: true,
  open: ({ localUrl, remoteUrl }) =>
    Promise.resolve({
      run: () =>
        shell('psql -qX "$REMOTE" -c "$OUT" | psql -qX "$LOCAL" -c "$IN"', {
          REMOTE: remoteUrl,
          LOCAL: localUrl,
          OUT: `copy meter (${METER_NAMES.join(', ')}) to stdout (format binary)`,
          IN: `copy meter (${METER_NAMES.join(', ')}) from stdin (format binary)`,
        }),
      close: () => Promise.resolve(),
    }),
};

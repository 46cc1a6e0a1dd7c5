import type pg from 'pg';
import { SQLSTATE } from './sqlstate.js';

/** PostgreSQL's routines that refuse a connection with 53300, each for a limit of its own; names are not translated. */
const LIMIT_OF_ROUTINE: Readonly<Record<string, string>> = {
  InitializeSessionUserId: 'the connection limit of this role (alter role ... connection limit)',
  CheckMyDatabase: 'the connection limit of this database (alter database ... connection limit)',
};
const LIMIT_OF_SERVER = 'max_connections of that server, or of the pooler in front of it';

/** What to do about an error, where its code tells more than its kind does; null: what the kind says. */
export function adviseOn({ code = '', routine = '' }: Pick<pg.DatabaseError, 'code' | 'routine'>): string | null {
  if (code !== SQLSTATE.tooManyConnections) return ADVICE[code] ?? null;
  const limit = LIMIT_OF_ROUTINE[routine] ?? LIMIT_OF_SERVER;
  return `The next cycle tries again by itself. If it stays, ask the DBA of that database to raise ${limit}, or to end connections that nobody needs: meter-sync check`;
}

const ADVICE: Readonly<Record<string, string>> = {
  [SQLSTATE.diskFull]:
    'Ask the DBA of that database to free disk space there. The next cycle tries again by itself: meter-sync check',
  [SQLSTATE.outOfMemory]:
    'Ask the DBA of that database for more memory or locks; with a table of many partitions it is max_locks_per_transaction that is too small. The next cycle tries again by itself: meter-sync check',
  '3D000': 'Correct the name of the database in the settings of the worker, and start it again: meter-sync check',
  '25006':
    'Point the settings to the primary, or name all hosts with TARGET_SESSION_ATTRS=read-write: nothing can be written here: meter-sync check',
};

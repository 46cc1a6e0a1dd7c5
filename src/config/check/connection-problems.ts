import { readFileSync } from 'node:fs';
import type { ConnectionValues } from '../define/connection-schema.js';
import { type ConfigProblem, toFileReason } from './problems.js';

/** A setting of a connection, without the prefix of its side, that the others or the files make useless. */
interface ConnectionProblem {
  readonly name: keyof ConnectionValues;
  readonly found: string;
  /** Absent: what the setting wants anyway. */
  readonly wanted?: string;
}

/** What the settings of one connection say together and cannot mean, and the files that they name and that cannot be read. */
export function findConnectionProblems(values: ConnectionValues): readonly ConnectionProblem[] {
  return [...findPasswordProblems(values), ...findFileProblems(values), ...findTlsProblems(values)];
}

function findPasswordProblems({ PASSWORD, PASSWORD_FILE }: ConnectionValues): ConnectionProblem[] {
  if (PASSWORD === undefined || PASSWORD_FILE === undefined) return [];
  return [{ name: 'PASSWORD_FILE', found: 'set beside PASSWORD', wanted: 'one of the two' }];
}

function findFileProblems(values: ConnectionValues): ConnectionProblem[] {
  return (['PASSWORD_FILE', 'SSLROOTCERT', 'SSLCERT', 'SSLKEY'] as const).flatMap((name) => {
    const path = values[name];
    if (path === undefined || (name === 'SSLROOTCERT' && path === 'system')) return [];
    const reason = findReason(path);
    return reason === null ? [] : [{ name, found: `'${path}', which is ${reason}` }];
  });
}

function findReason(path: string): string | null {
  try {
    readFileSync(path);
    return null;
  } catch (error) {
    return toFileReason(error);
  }
}

function findTlsProblems({ SSLMODE, SSLROOTCERT, SSLCERT, SSLKEY }: ConnectionValues): ConnectionProblem[] {
  const problems: ConnectionProblem[] = [];
  if (SSLCERT !== undefined && SSLKEY === undefined) problems.push({ name: 'SSLKEY', found: 'not set' });
  if (SSLKEY !== undefined && SSLCERT === undefined) problems.push({ name: 'SSLCERT', found: 'not set' });
  const verifies = SSLMODE === 'verify-ca' || SSLMODE === 'verify-full';
  if (verifies && SSLROOTCERT === undefined) {
    const wanted = `the path of a file that can be read, or system, since SSLMODE is ${SSLMODE}`;
    problems.push({ name: 'SSLROOTCERT', found: 'not set', wanted });
  }
  if (SSLROOTCERT === 'system' && SSLMODE !== 'verify-full') {
    const wanted = 'verify-full, since SSLROOTCERT is system: anybody can have such a certificate';
    problems.push({ name: 'SSLMODE', found: `'${SSLMODE}'`, wanted });
  }
  return problems;
}

/** Where a database is, as far as two of them are told apart by it. */
interface DatabasePlace {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}

/** A table that is uploaded into itself finds every row there already, and then removes it. */
export function findSameDatabase(local: DatabasePlace, remote: DatabasePlace): readonly ConfigProblem[] {
  if (local.host !== remote.host || local.port !== remote.port || local.database !== remote.database) return [];
  return [
    {
      setting: 'POSTGRES_CLIENT_HOST',
      found: 'the same host, port and database as POSTGRES_SYNC_*',
      where: null,
      wanted: 'the database of the customer: a site must not be synchronized with itself',
    },
  ];
}

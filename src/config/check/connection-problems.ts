import type { Address, ConnectionValues } from '../define/connection-schema.js';
import type { ConfigProblem } from './problems.js';
import { findReason, isPair } from './setting-file.js';

/** A setting of a connection, without the prefix of its side, that the others or the files make useless. */
interface ConnectionProblem {
  readonly name: keyof ConnectionValues;
  readonly found: string;
  /** Absent: what the setting wants anyway. */
  readonly wanted?: string;
}

/** What the settings of one connection say together and cannot mean, and the files that they name and that cannot be used. */
export function findConnectionProblems(values: ConnectionValues): readonly ConnectionProblem[] {
  return [
    ...findPasswordProblems(values),
    ...findFileProblems(values),
    ...findKeyProblems(values),
    ...findTlsProblems(values),
    ...findPortProblems(values),
  ];
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

function findKeyProblems({ SSLCERT, SSLKEY }: ConnectionValues): ConnectionProblem[] {
  if (SSLCERT === undefined && SSLKEY === undefined) return [];
  if (SSLKEY === undefined) return [{ name: 'SSLKEY', found: 'not set' }];
  if (SSLCERT === undefined) return [{ name: 'SSLCERT', found: 'not set' }];
  const areReadable = [SSLCERT, SSLKEY].every((path) => findReason(path) === null);
  if (!areReadable || isPair(SSLCERT, SSLKEY)) return [];
  const wanted = 'the PEM file of the key of that very certificate';
  return [{ name: 'SSLKEY', found: `'${SSLKEY}', which does not fit SSLCERT`, wanted }];
}

/** Modes that would be weaker than they look. */
function findTlsProblems(values: ConnectionValues): ConnectionProblem[] {
  const { SSLMODE, SSLROOTCERT } = values;
  const problems: ConnectionProblem[] = [];
  const verifies = SSLMODE === 'verify-ca' || SSLMODE === 'verify-full';
  if (verifies && SSLROOTCERT === undefined) {
    const wanted = `the path of a file that can be read, or system, since SSLMODE is ${SSLMODE}`;
    problems.push({ name: 'SSLROOTCERT', found: 'not set', wanted });
  }
  const demands = SSLMODE !== 'disable' && SSLMODE !== 'prefer';
  for (const [name, demand] of DEMANDS_OF_TLS)
    if (values[name] === demand && !demands) problems.push({ name, found: `'${demand}' with SSLMODE ${SSLMODE}` });
  if (SSLROOTCERT === 'system' && SSLMODE !== 'verify-full') {
    const wanted = 'verify-full, since SSLROOTCERT is system: anybody can have such a certificate';
    problems.push({ name: 'SSLMODE', found: `'${SSLMODE}'`, wanted });
  }
  return problems;
}

/** What has no meaning on a connection that goes on without TLS. */
const DEMANDS_OF_TLS = [
  ['SSLNEGOTIATION', 'direct'],
  ['CHANNEL_BINDING', 'require'],
] as const;

function findPortProblems({ HOST, PORT }: ConnectionValues): ConnectionProblem[] {
  if (PORT.length === 1 || PORT.length === HOST.length) return [];
  return [{ name: 'PORT', found: `${PORT.length} ports for ${HOST.length} hosts` }];
}

/** Where a database is, as far as two of them are told apart by it. */
interface DatabasePlace extends Address {
  readonly moreHosts: readonly Address[];
  readonly database: string;
}

/** A table that is uploaded into itself finds every row there already, and then removes it. */
export function findSameDatabase(local: DatabasePlace, remote: DatabasePlace): readonly ConfigProblem[] {
  const ofLocal = listAddresses(local);
  const isShared = listAddresses(remote).some((address) => ofLocal.includes(address));
  if (!isShared || local.database !== remote.database) return [];
  return [
    {
      setting: 'POSTGRES_CLIENT_HOST',
      found: 'the same host, port and database as POSTGRES_SYNC_*',
      where: null,
      wanted: 'the database of the customer: a site must not be synchronized with itself',
    },
  ];
}

function listAddresses({ host, port, moreHosts }: DatabasePlace): readonly string[] {
  return [{ host, port }, ...moreHosts].map((address) => `${address.host}:${address.port}`);
}

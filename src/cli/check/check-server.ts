import type { ConnectionSettings } from '../../config/read/read-connection.js';
import { PREFIXES } from '../../config/define/connection-schema.js';
import type { Side } from '../../model/failures.js';
import { type Database, run } from '../../postgres/session.js';
import type { Statement } from '../../postgres/statement.js';
import { withTransaction } from '../../postgres/transaction.js';
import { MAX_CONNECTIONS } from '../../worker/site-pools.js';
import { toDuration } from '../../model/words.js';
import type { Findings } from './finding.js';
import {
  type ConnectionLimits,
  selectConnectionLimits,
  selectServerFacts,
  selectSystemIdentifier,
  type ServerFacts,
} from './statements.js';

/** The oldest server that the sync's statements are written for, and the newest it was tried with. */
const OLDEST_VERSION = 13;
const NEWEST_VERSION = 18;
/** Ages of readings are told by this machine's clock; a few seconds do no harm. */
const CLOCK_TOLERANCE_MS = 5_000;

/** Which server it is, so that two sides can be told apart. */
export interface ServerIdentity {
  readonly system: string | null;
  readonly database: string;
  /** Of its version: 18. */
  readonly major: number;
}

/** Looks at a server: version, rights, encryption, clock. Answers with who it is, or null when it cannot be reached. */
export async function checkServer(
  database: Database,
  settings: ConnectionSettings,
  findings: Findings,
): Promise<ServerIdentity | null> {
  let identity: ServerIdentity | null = null;
  const { side } = database;
  const where = `${toPlaces(settings)}, database ${settings.database}, user ${settings.user}`;
  for (const parameter of settings.passedOver) findings.ok(`${PREFIXES[side]}URL: passed over ${parameter}`);
  await findings.attempt(async () => {
    const before = Date.now();
    const facts = await readFacts(database);
    const after = Date.now();
    const major = toMajor(facts);
    identity = { system: await readSystem(database), database: facts.database_name, major };
    findings.ok(
      `PostgreSQL ${facts.version} at ${toPlaces(settings)}, database ${facts.database_name}, user ${facts.user_name}`,
    );
    checkVersion(facts, findings);
    checkWritable(side, facts, findings);
    checkTls(side, settings, facts, findings);
    checkClock(Number(facts.clock_ms), { before, after }, findings);
    checkConnections(side, facts, await readOne<ConnectionLimits>(database, selectConnectionLimits()), findings);
  }, where);
  return identity;
}

/** Several hosts are one place to look at: the first one that is what the settings want. */
function toPlaces({ host, port, moreHosts }: ConnectionSettings): string {
  return [{ host, port }, ...moreHosts].map((address) => `${address.host}:${address.port}`).join(' or ');
}

async function readFacts(database: Database): Promise<ServerFacts> {
  const facts = await readOne<ServerFacts>(database, selectServerFacts());
  if (facts === undefined) throw new Error(`the ${database.side} database gave no answer to a question about itself`);
  return facts;
}

async function readOne<Row>(database: Database, statement: Statement): Promise<Row | undefined> {
  const [row] = await withTransaction(database, { isolation: 'read committed' }, (session) =>
    run<Row>(session, statement),
  );
  return row;
}

async function readSystem(database: Database): Promise<string | null> {
  try {
    return (await readOne<{ id: string }>(database, selectSystemIdentifier()))?.id ?? null;
  } catch {
    return null; // this user may not ask, or a service in between does not know: then names must do
  }
}

function toMajor({ version_number }: ServerFacts): number {
  return Math.floor(Number(version_number) / 10_000);
}

function checkVersion(facts: ServerFacts, findings: Findings): void {
  const { version } = facts;
  const major = toMajor(facts);
  if (major < OLDEST_VERSION) {
    findings.error(`PostgreSQL ${version} is older than ${OLDEST_VERSION}, which is needed`, 'Upgrade this server');
  } else if (major > NEWEST_VERSION) {
    findings.warning(
      `PostgreSQL ${version} is newer than ${NEWEST_VERSION}, the newest this release was tried with`,
      'Look for a newer meter-sync',
    );
  }
}

function checkWritable(side: Side, facts: ServerFacts, findings: Findings): void {
  if (facts.is_read_only === 'true') {
    findings.error('the database is read only: a standby, or set so', `Point ${PREFIXES[side]}HOST to the primary`);
  }
  if (facts.may_make_temporary !== 'true') {
    const grant = `grant temporary on database "${facts.database_name}" to "${facts.user_name}"`;
    findings.error(`user ${facts.user_name} may not make temporary tables`, `Let an administrator run: ${grant}`);
  }
}

function checkTls(side: Side, { host }: ConnectionSettings, { has_tls }: ServerFacts, findings: Findings): void {
  const isNear = host.startsWith('/') || ['localhost', '127.0.0.1', '::1'].includes(host);
  if (has_tls === 'true') findings.ok('the connection is encrypted');
  else if (!isNear) {
    findings.warning(
      'the connection is not encrypted',
      `Set ${PREFIXES[side]}SSLMODE=verify-full and ${PREFIXES[side]}SSLROOTCERT`,
    );
  }
}

function checkClock(clockMs: number, { before, after }: { before: number; after: number }, findings: Findings): void {
  const offsetMs = clockMs - (before + after) / 2;
  const isSure = Math.abs(offsetMs) > (after - before) / 2;
  if (!isSure || Math.abs(offsetMs) < CLOCK_TOLERANCE_MS) return findings.ok('the clock agrees with this machine');
  const way = offsetMs > 0 ? 'ahead of' : 'behind';
  findings.warning(
    `the clock is ${toDuration(offsetMs)} ${way} this machine's`,
    'Let NTP set both clocks: ages of readings will be wrong until then',
  );
}

/** Fewer connections than a worker uses cost speed and quiet, and no reading. */
function checkConnections(
  side: Side,
  facts: ServerFacts,
  limits: ConnectionLimits | undefined,
  findings: Findings,
): void {
  const wanted = MAX_CONNECTIONS[side];
  const named = [
    { limit: Number(limits?.of_role ?? -1), of: `role "${facts.user_name}"` },
    { limit: Number(limits?.of_database ?? -1), of: `database "${facts.database_name}"` },
  ];
  for (const { limit, of } of named) {
    if (limit < 0 || limit >= wanted) continue;
    findings.warning(
      `${of} has a limit of ${limit} connection${limit === 1 ? '' : 's'}, and a worker uses up to ${wanted}: uploads are slower then`,
      `Ask the DBA of the ${side} database to run: alter ${of} connection limit ${wanted}`,
    );
  }
}

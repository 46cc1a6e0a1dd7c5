import type { ProbeResult } from '../../src/model/operations.js';
import type { OwnedTable, SiteTables } from '../../src/model/table.js';
import { toFailureKind } from '../../src/postgres/errors.js';
import { type Database, execute, run, runAll, type Session } from '../../src/postgres/session.js';
import type { Statement } from '../../src/postgres/statement.js';
import { TEXT_FORMS } from '../../src/postgres/text-forms.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import type { Attempt } from '../attempt.js';
import { readLost } from '../upload/keep/lost.js';
import { countQuarantine } from '../upload/quarantine/list.js';
import { readQueue } from '../upload/plan/plan-upload.js';
import { type QueueFigures, readFiguresOf } from '../upload/queue/queue-figures.js';
import { countOwned } from '../download/plan/owned-rows.js';

/** What is seen of the local side; null for what could not be seen. */
type LocalFigures = Pick<
  ProbeResult,
  | 'localDbConnected'
  | 'queueSize'
  | 'queueSizeIsEstimate'
  | 'oldestUnsynced'
  | 'quarantined'
  | 'lostAtRemote'
  | 'localMeterCount'
  | 'localTenantCount'
>;
/** The same of the remote side. */
type RemoteFigures = Pick<ProbeResult, 'remoteDbConnected' | 'remoteMeterCount' | 'remoteTenantCount'>;

/** A figure that takes longer is not worth the load: somebody waits for the answer, or the server is in trouble. */
const MAX_STATEMENT_MS = 10_000;
/** Beyond this a side has not answered, whatever the reason. */
const MAX_SIDE_MS = 25_000;

const UNKNOWN_QUEUE = { queueSize: null, queueSizeIsEstimate: null, oldestUnsynced: null };

/** Looks at the local database: the queue, meters and tenants. */
export async function probeLocal(
  local: Database,
  { siteId, tables }: { siteId: string; tables: SiteTables },
  attempt: Attempt,
): Promise<LocalFigures> {
  const side = openSide(local, attempt);
  const localDbConnected = await side.connect();
  const figure = localDbConnected ? side.figure : unknown;
  const quarantined = await figure('quarantine', (session) => readCount(session, countQuarantine(siteId)));
  const quarantineOf = quarantined === null || quarantined === 0 ? null : siteId;
  const lost = await figure('losses', async (session) => ({ lostAtRemote: await readLost(session, siteId) }));
  return {
    localDbConnected,
    quarantined,
    ...lost,
    ...((await figure('queue', (session) => readFigures(session, tables, quarantineOf))) ?? UNKNOWN_QUEUE),
    localMeterCount: await figure('meters', (session) => count(session, tables.meters)),
    localTenantCount: await figure('tenants', (session) => count(session, tables.tenants)),
  };
}

/** Looks at the remote database: meters and tenants. */
export async function probeRemote(remote: Database, tables: SiteTables, attempt: Attempt): Promise<RemoteFigures> {
  const side = openSide(remote, attempt);
  const remoteDbConnected = await side.connect();
  const figure = remoteDbConnected ? side.figure : unknown;
  return {
    remoteDbConnected,
    remoteMeterCount: await figure('meters', (session) => count(session, tables.meters)),
    remoteTenantCount: await figure('tenants', (session) => count(session, tables.tenants)),
  };
}

type ReadFigure = <Figure>(name: string, read: (session: Session) => Promise<Figure>) => Promise<Figure | null>;

const unknown: ReadFigure = () => Promise.resolve(null);

/** A side under the limits of a probe. Each figure has its own transaction, so that a missing table costs one figure. */
function openSide(database: Database, attempt: Attempt): { connect: () => Promise<boolean>; figure: ReadFigure } {
  const signal = AbortSignal.any([attempt.signal, AbortSignal.timeout(MAX_SIDE_MS)]);
  const figure: ReadFigure = async (name, read) => {
    try {
      return await withTransaction(database, { isolation: 'repeatable read, read only', signal }, async (session) => {
        await execute(session, { text: `set local statement_timeout to ${MAX_STATEMENT_MS}`, values: [] });
        return await read(session);
      });
    } catch (error) {
      attempt.signal.throwIfAborted();
      const message = error instanceof Error ? error.message : String(error);
      const facts = { side: database.side, figure: name, kind: toFailureKind(error), error: message };
      attempt.log.warn('probe: a figure could not be had', facts);
      return null;
    }
  };
  const connect = async (): Promise<boolean> => (await figure('connection', () => Promise.resolve(true))) === true;
  return { connect, figure };
}

async function readFigures(
  session: Session,
  { readings }: SiteTables,
  quarantineOf: string | null,
): Promise<QueueFigures> {
  await runAll(session, TEXT_FORMS);
  return readFiguresOf(session, { ...(await readQueue(session, readings)), quarantineOf });
}

function count(session: Session, table: OwnedTable): Promise<number> {
  return readCount(session, countOwned(table));
}

async function readCount(session: Session, statement: Statement): Promise<number> {
  const [row] = await run<{ rows: string }>(session, statement);
  return Number(row?.rows);
}

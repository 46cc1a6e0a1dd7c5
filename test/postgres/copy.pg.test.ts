import { expect, it } from 'vitest';
import type { Side } from '../../src/model/failures.js';
import { copyBetween, type CopyCounts } from '../../src/postgres/copy.js';
import { run, type Session } from '../../src/postgres/session.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { createDatabases, type TestDatabases } from '../support/postgres.js';
import { untilLockIsAwaited, untilNoAdvisoryLock } from '../support/locks.js';

/** Far more than the buffers of two sockets and two servers hold, so that a copy that is held is in the middle. */
const ROWS = 100_000;
const COPY_OUT = `copy (select n, repeat('x', 300) from generate_series(1, ${ROWS}) n) to stdout (format binary)`;
const COPY_IN = 'copy copied from stdin (format binary)';

it('every row arrives, and both servers count the same', async (context) => {
  const databases = await openDatabases(context);
  expect(await copyAll(databases)).toEqual({ sent: ROWS, received: ROWS });
  expect(await databases.remote.value('select count(distinct n) from copied')).toBe(String(ROWS));
});

it('when the local side is cut in the middle, the remote commits nothing', async (context) => {
  const databases = await openDatabases(context);
  const { copied, pids, letGo } = await holdInTheMiddle(databases);
  await databases.local.sql('select pg_terminate_backend($1)', [pids.local]);
  letGo(); // what the local side had sent goes on arriving, then nothing more comes
  await expect(copied).rejects.toMatchObject({ kind: 'unreachable', place: { side: 'local' } });
  await expectNothingCopied(databases);
});

it('when the remote side is cut in the middle, the failure is its own and the local transaction lives on', async (context) => {
  const databases = await openDatabases(context);
  const after: unknown[] = [];
  const { copied, pids, letGo } = await holdInTheMiddle(databases, async (from) => {
    after.push(await run(from, { text: 'select 1 as alive', values: [] }));
  });
  await databases.remote.sql('select pg_terminate_backend($1)', [pids.remote]);
  await expect(copied).rejects.toMatchObject({ kind: 'unreachable', place: { side: 'remote' } });
  letGo();
  expect(after).toEqual([[{ alive: '1' }]]);
  await expectNothingCopied(databases);
});

it('an attempt that is given up in the middle cuts both sides', async (context) => {
  const databases = await openDatabases(context);
  const given = new AbortController();
  const { copied, letGo } = await holdInTheMiddle(databases, undefined, given.signal);
  given.abort(new Error('given up'));
  await expect(copied).rejects.toThrow();
  letGo();
  await expectNothingCopied(databases);
});

it.for([1, 2, 50_000, ROWS])(
  'a row that the remote refuses (the %ith) leaves both connections usable',
  async (n, context) => {
    const databases = await openDatabases(context);
    await databases.remote.sql(`alter table copied add check (n <> ${n})`);
    await withTransaction(databases.local, { isolation: 'repeatable read' }, async (from) => {
      const refused = withTransaction(databases.remote, { isolation: 'read committed' }, (to) => copy(from, to));
      await expect(refused).rejects.toMatchObject({ kind: 'data', sqlstate: '23514', place: { side: 'remote' } });
      await databases.remote.sql('truncate copied; alter table copied drop constraint copied_n_check');
      const again = withTransaction(databases.remote, { isolation: 'read committed' }, (to) => copy(from, to));
      expect(await again).toEqual({ sent: ROWS, received: ROWS });
    });
  },
);

it('a local error after many rows fails the remote copy on purpose', async (context) => {
  const databases = await openDatabases(context);
  const text = `copy (select n / (${ROWS} - n), repeat('x', 300) from generate_series(1, ${ROWS}) n) to stdout (format binary)`;
  await expect(copyAll(databases, text)).rejects.toMatchObject({
    kind: 'data',
    sqlstate: '22012',
    place: { side: 'local' },
  });
  await expectNothingCopied(databases);
});

it('a remote table that is not there is a failure of the remote', async (context) => {
  const databases = await openDatabases(context);
  await databases.remote.sql('drop table copied');
  await expect(copyAll(databases)).rejects.toMatchObject({ kind: 'schema', place: { side: 'remote' } });
});

async function openDatabases(context: Parameters<typeof createDatabases>[0]): Promise<TestDatabases> {
  const databases = await createDatabases(context, 'empty');
  await databases.remote.sql('create table copied (n integer, filler text)');
  return databases;
}

function copy(from: Session, to: Session, copyOut = COPY_OUT): Promise<CopyCounts> {
  return copyBetween({ session: from, text: copyOut }, { session: to, text: COPY_IN });
}

function copyAll({ local, remote }: TestDatabases, copyOut = COPY_OUT): Promise<CopyCounts> {
  return withTransaction(local, { isolation: 'repeatable read' }, (from) =>
    withTransaction(remote, { isolation: 'read committed' }, (to) => copy(from, to, copyOut)),
  );
}

/** A copy that waits in the middle of its rows, for a lock that the remote takes at one of them. */
async function holdInTheMiddle(
  { local, remote }: TestDatabases,
  afterFailure: (from: Session) => Promise<void> = () => Promise.resolve(),
  signal = new AbortController().signal,
): Promise<{ copied: Promise<unknown>; pids: Record<Side, string>; letGo: () => void }> {
  await remote.sql(`
    create function hold() returns trigger language plpgsql as 'begin if new.n = 1000 then perform pg_advisory_xact_lock(1); end if; return new; end';
    create trigger hold before insert on copied for each row execute function hold()`);
  const holder = await remote.admin.pool.connect();
  const letGo = (): void => holder.release(true);
  await holder.query('select pg_advisory_lock(1)');
  const pids = { local: '', remote: '' };
  const copied = withTransaction(local, { isolation: 'repeatable read', signal }, async (from) => {
    pids.local = await pidOf(from);
    try {
      return await withTransaction(remote, { isolation: 'read committed', signal }, async (to) => {
        pids.remote = await pidOf(to);
        return copy(from, to);
      });
    } catch (error) {
      await afterFailure(from);
      throw error;
    }
  });
  copied.catch(() => undefined); // the test looks at it after it has acted
  await untilLockIsAwaited(remote);
  return { copied, pids, letGo };
}

async function pidOf(session: Session): Promise<string> {
  const [row] = await run<{ pid: string }>(session, { text: 'select pg_backend_pid()::text as pid', values: [] });
  return row?.pid ?? '';
}

async function expectNothingCopied({ remote }: TestDatabases): Promise<void> {
  await untilNoAdvisoryLock(remote);
  expect(await remote.value('select count(*) from copied')).toBe('0');
}

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { Side } from '../../src/model/failures.js';
import { copyBetween } from '../../src/postgres/copy.js';
import { run, type Session } from '../../src/postgres/session.js';
import { plain } from '../../src/postgres/statement.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { createDatabases, type TestDatabases } from '../support/postgres.js';
import { type LinkedDatabase, linkTo, SHORT_LIMITS } from '../support/silent-link.js';

const READ = { isolation: 'read committed' } as const;

/** The failure of a work, and how long it took. */
async function fail(work: Promise<unknown>): Promise<{ error: unknown; tookMs: number }> {
  const since = performance.now();
  const error = await work.then(
    () => null,
    (failure: unknown) => failure,
  );
  return { error, tookMs: performance.now() - since };
}

it.for([['local'], ['remote']] as const)('a link that goes silent within a question to the %s database is told, then given up', async ([side], context) => {
  const database = await linkTo((await createDatabases(context, 'empty'))[side]);
  const { error, tookMs } = await fail(
    withTransaction(database, READ, async (session) => {
      await run(session, plain('select 1'));
      database.proxy.freeze();
      await run(session, plain('select 2'));
    }),
  );
  expect(error).toMatchObject({ kind: 'unreachable', place: { side }, isSilence: true });
  expect((error as Error).message).toMatch(
    new RegExp(`^${side} database: nothing comes while the answer to a statement is waited for: a second connection gets no answer either`),
  );
  expect(tookMs).toBeGreaterThan(SHORT_LIMITS.givenUpAfterMs);
  expect(tookMs).toBeLessThan(SHORT_LIMITS.givenUpAfterMs * 3);
  expect(database.told.length).toBeGreaterThanOrEqual(2);
  expect(database.told.at(-1)).toBeNull();
}); // prettier-ignore

it('a commit that is not answered is told as such', async (context) => {
  const { remote } = await createDatabases(context, 'empty');
  const database = await linkTo(remote);
  const { error } = await fail(
    withTransaction(database, READ, async (session) => {
      await run(session, plain('select 1'));
      database.proxy.freeze();
    }),
  );
  expect(error).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('the answer to COMMIT') });
});

/** More than sockets hold, and soon read to its end where nobody takes it any more. */
const LONG = `copy (select n, repeat('x', 200) from generate_series(1, 300000) n) to stdout`;

/** A copy from the site to the customer, one of them behind a link; what happens when a megabyte has passed. */
async function copyOver(
  databases: TestDatabases,
  linked: LinkedDatabase,
  meanwhile: (session: Session) => void,
): Promise<{ error: unknown; tookMs: number }> {
  await databases.remote.sql('create table t (n int, x text)');
  const ends = { ...databases, [linked.side]: linked };
  return fail(
    withTransaction(ends.local, READ, (from) =>
      withTransaction(ends.remote, READ, async (to) => {
        let bytes = 0;
        linked.proxy[linked.side === 'local' ? 'toClient' : 'toServer'] = (chunk) => {
          if (bytes < 1e6 && bytes + chunk.length >= 1e6) meanwhile(linked.side === 'local' ? from : to);
          bytes += chunk.length;
          return { pass: chunk, isCut: false };
        };
        await copyBetween({ session: from, text: LONG }, { session: to, text: 'copy t (n, x) from stdin' });
      }),
    ),
  );
}

it.for([['local'], ['remote']] as const)('a link to the %s database that goes silent within a COPY is given up, and told of that side', async ([side], context) => {
  const databases = await createDatabases(context, 'empty');
  const linked = await linkTo(databases[side]);
  const { error } = await copyOver(databases, linked, () => linked.proxy.freeze());
  expect(error).toMatchObject({ kind: 'unreachable', place: { side }, isSilence: true, message: expect.stringContaining('COPY') });
  expect(await databases.remote.value('select count(*) from t')).toBe('0');
}); // prettier-ignore

/** Freezes the server's process of a session once it waits for us; it goes on with the end of the test. */
function stopBackend({ client }: Session): void {
  const { processID } = client as unknown as { readonly processID: number };
  // One that is stopped while it computes looks as if it still did. Nothing is passed on to it while this thread looks.
  const endsAt = performance.now() + 5_000;
  for (let asleep = 0; asleep < 20 && performance.now() < endsAt;) asleep = isAsleep(processID) ? asleep + 1 : 0;
  process.kill(processID, 'SIGSTOP');
  onTestFinished(() => void process.kill(processID, 'SIGCONT'));
}

function isAsleep(processId: number): boolean {
  return / S /.test(readFileSync(`/proc/${processId}/stat`, 'latin1'));
}

it('a server process that is frozen within a COPY is given up, although its server answers', async (context) => {
  const databases = await createDatabases(context, 'empty');
  const linked = await linkTo(databases.remote);
  const { error } = await copyOver(databases, linked, stopBackend);
  expect(error).toMatchObject({ kind: 'unreachable', place: { side: 'remote' }, isSilence: true });
  expect((error as Error).message).toContain('the server answers a second connection');
});

it('a server process that is frozen between two statements is given up, although its server answers', async (context) => {
  const linked = await linkTo((await createDatabases(context, 'empty')).remote);
  const { error } = await fail(
    withTransaction(linked, READ, async (session) => {
      await run(session, plain('select 1'));
      stopBackend(session);
      await run(session, plain('select 2'));
    }),
  );
  expect(error).toMatchObject({ kind: 'unreachable', isSilence: true });
});

it('a server that is at work for long is told, and waited for; its silence is not', async (context) => {
  const linked = await linkTo((await createDatabases(context, 'empty')).remote);
  const seconds = (SHORT_LIMITS.givenUpAfterMs * 2) / 1_000;
  const sort = `select count(*)::text as n from (select random() as r from generate_series(1, 200000) order by 1) s, pg_sleep(${seconds})`;
  const rows = await withTransaction(linked, READ, (session) => run(session, plain(sort)));
  expect(rows).toEqual([{ n: '200000' }]);
  expect(linked.told.filter((words) => words !== null)).toEqual([
    expect.stringContaining('the server is at work on it'),
  ]);
  expect(linked.told.at(-1)).toBeNull();

  const { error } = await fail(
    withTransaction(linked, READ, (session) => {
      setTimeout(() => linked.proxy.freeze(), SHORT_LIMITS.toldAfterMs);
      return run(session, plain(`select pg_sleep(600)`));
    }),
  );
  expect(error).toMatchObject({ kind: 'unreachable', isSilence: true });
});

it('a server that seems to be at work for ever is given up at last', async (context) => {
  const linked = await linkTo((await createDatabases(context, 'empty')).remote, { atWorkForMs: 2_000 });
  const { error } = await fail(withTransaction(linked, READ, (session) => run(session, plain('select pg_sleep(600)'))));
  expect(error).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('at work') });
});

it('a server with a single connection for us is waited for while it works', async (context) => {
  const { remote } = await createDatabases(context, 'empty');
  const user = { name: `one_${Date.now()}`, password: 'pw' };
  await remote.sql(`create role ${user.name} login password 'pw' connection limit 1`);
  onTestFinished(async () => void (await remote.sql(`drop role ${user.name}`)));
  const linked = await linkTo(remote, {}, user);
  const seconds = (SHORT_LIMITS.givenUpAfterMs * 2) / 1_000;
  await withTransaction(linked, READ, (session) => run(session, plain(`select pg_sleep(${seconds})`)));
  expect(linked.told[0]).toContain('has no second connection to give');
});

it('a lock is told soon, with its table and who holds it, and so is the failure', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const linked = await linkTo({ ...local, ...local.admin }); // a superuser is told all
  await local.sql('create table t (i int); insert into t values (1)');
  const holder = await local.admin.pool.connect();
  await holder.query(`set application_name = 'psql'; begin; update t set i = 2`);
  const [row] = (await holder.query<{ pid: string }>('select pg_backend_pid()::text as pid')).rows;
  const { error, tookMs } = await fail(
    withTransaction(linked, { ...READ, lockTimeoutMs: 1_000 }, (session) => run(session, plain('delete from t'))),
  );
  await holder.query('rollback');
  holder.release(true);
  const words = `a lock on t, held by session ${row?.pid} (user postgres, psql, for`;
  expect(linked.told[0]).toContain(words);
  expect(tookMs).toBeLessThan(3_000);
  expect(error).toMatchObject({ kind: 'busy', sqlstate: '55P03', place: { side: 'local', table: 't' } });
  expect((error as Error).message).toContain(`waited in vain for ${words}`);
  expect((error as { next: string }).next).toContain(`pg_terminate_backend(${row?.pid})`);
});

it('a role of least rights learns of the holder what the server tells it', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const user = { name: `few_${Date.now()}`, password: 'pw' };
  await local.sql(
    `create role ${user.name} login password 'pw'; create table t (i int); insert into t values (1); grant select, delete on t to ${user.name}`,
  );
  onTestFinished(async () => void (await local.sql(`drop owned by ${user.name}; drop role ${user.name}`)));
  const linked = await linkTo(local, {}, user);
  const holder = await local.admin.pool.connect();
  await holder.query(`set application_name = 'psql'; begin; update t set i = 2`);
  const { error } = await fail(
    withTransaction(linked, { ...READ, lockTimeoutMs: 1_000 }, (session) => run(session, plain('delete from t'))),
  );
  await holder.query('rollback');
  holder.release(true);
  expect((error as Error).message).toMatch(
    /waited in vain for a lock on t, held by session \d+ \(user postgres, psql\)$/,
  );
});

it('a wait that is ours is no silence: a COPY that is given no rows for long, and rows that nobody takes', async (context) => {
  const databases = await createDatabases(context, 'empty');
  const [local, remote] = [await linkTo(databases.local), await linkTo(databases.remote)];
  await databases.remote.sql('create table t (n int)');
  await withTransaction(local, READ, (from) =>
    withTransaction(remote, READ, (to) =>
      copyBetween(
        { session: from, text: 'copy (select generate_series(1, 100000)) to stdout' },
        { session: to, text: 'copy t from stdin' },
        { mayStart: () => pause(SHORT_LIMITS.givenUpAfterMs * 2) },
      ),
    ),
  );
  expect(await databases.remote.value('select count(*) from t')).toBe('100000');
  expect([...local.told, ...remote.told]).toEqual([]);
});

const SIDES: readonly Side[] = ['local', 'remote'];

it('a transaction of ours lets go of a dead link, and no limit of a role for idling ends it', async (context) => {
  const databases = await createDatabases(context, 'empty');
  for (const side of SIDES) {
    const database = databases[side];
    await database.sql(
      `do $$begin execute format('alter database %I set idle_in_transaction_session_timeout to ''20ms''', current_database()); end$$`,
    );
    (await database.pool.connect()).release(new Error('the setting holds for new connections'));
    const settings = await withTransaction(database, READ, async (session) => {
      await pause(200);
      const names = ['tcp_keepalives_idle', 'tcp_user_timeout', 'lock_timeout'];
      return run(session, plain(`select ${names.map((name) => `current_setting('${name}') as ${name}`).join(', ')}`));
    });
    expect(settings).toEqual([{ tcp_keepalives_idle: '30', tcp_user_timeout: '60000', lock_timeout: '20s' }]);
  }
});

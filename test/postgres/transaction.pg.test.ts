import { expect, it } from 'vitest';
import { execute, run } from '../../src/postgres/session.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { createDatabases } from '../support/postgres.js';

const BROKEN = new Error('the work failed');

it('work that throws is rolled back, and its error is the one that is thrown', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  await local.sql('create table t (i int)');
  const work = withTransaction(local, { isolation: 'read committed' }, async (session) => {
    await execute(session, { text: 'insert into t values ($1)', values: [1] });
    throw BROKEN;
  });
  await expect(work).rejects.toBe(BROKEN);
  expect(await local.value('select count(*) from t')).toBe('0');
});

it('a rollback that fails hides nothing, and the sick connection does not come back', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  let pid: string | undefined;
  const work = withTransaction(local, { isolation: 'read committed' }, async (session) => {
    [{ pid }] = (await run<{ pid: string }>(session, { text: 'select pg_backend_pid()::text as pid', values: [] })) as [
      { pid: string },
    ];
    await local.sql('select pg_terminate_backend($1)', [pid]);
    throw BROKEN;
  });
  await expect(work).rejects.toBe(BROKEN);
  for (let use = 0; use < 3; use += 1) expect(await local.value('select pg_backend_pid()::text')).not.toBe(pid);
});

it('a transaction that a swallowed error has broken does not pass for committed', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const work = withTransaction(local, { isolation: 'read committed' }, async (session) => {
    await execute(session, { text: 'select 1 / 0', values: [] }).catch(() => 0); // swallowed on purpose
  });
  await expect(work).rejects.toMatchObject({ kind: 'unexpected', place: { side: 'local' } });
});

it('a signal cuts a statement that runs, and the pool goes on', async (context) => {
  const { remote } = await createDatabases(context, 'empty');
  const given = new AbortController();
  const work = withTransaction(remote, { isolation: 'read committed', signal: given.signal }, (session) => {
    const sleep = execute(session, { text: 'select pg_sleep(600)', values: [] });
    given.abort(new Error('given up'));
    return sleep;
  });
  await expect(work).rejects.toMatchObject({ kind: 'unreachable' });
  expect(await remote.value('select 1')).toBe('1');
});

it('a server that cannot be reached is a failure of its side', async (context) => {
  const { remote } = await createDatabases(context, 'empty');
  const work = withTransaction(remote, { isolation: 'read committed' }, async (session) => {
    await execute(session, { text: 'select pg_terminate_backend(pg_backend_pid())', values: [] });
  });
  await expect(work).rejects.toMatchObject({ kind: 'unreachable', place: { side: 'remote' }, sqlstate: '57P01' });
});

it('a server that ends a connection between two statements is heard', async (context) => {
  const { remote } = await createDatabases(context, 'empty');
  const work = withTransaction(remote, { isolation: 'read committed' }, async (session) => {
    const ended = new Promise((resolve) => session.client.once('end', resolve));
    await execute(session, { text: `set local idle_in_transaction_session_timeout = '20ms'`, values: [] });
    await ended;
    await execute(session, { text: 'select 1', values: [] });
  });
  await expect(work).rejects.toMatchObject({ kind: 'unreachable', place: { side: 'remote' }, sqlstate: '25P03' });
  expect(await remote.value('select 1')).toBe('1');
});

it('what a transaction asks for holds in it alone: how long it waits for a lock, and that its commit is on disk', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const options = { isolation: 'read committed', lockTimeoutMs: 1_234, confirmOnDisk: true } as const;
  const read = `select current_setting('lock_timeout') || ', ' || current_setting('synchronous_commit') as settings`;
  await local.sql(
    `do $$begin execute format('alter database %I set synchronous_commit to off', current_database()); end$$`,
  );
  (await local.pool.connect()).release(new Error('the setting holds for new connections'));
  expect(await withTransaction(local, options, (session) => run(session, { text: read, values: [] }))).toEqual([
    { settings: '1234ms, on' },
  ]);
  expect(await local.value(read)).toBe('0, off');
});

it('no transaction of ours is compiled, whatever the server thinks of its costs', async (context) => {
  const { local } = await createDatabases(context, 'empty');
  const show = { text: `select current_setting('jit') as jit`, values: [] };
  const within = await withTransaction(local, { isolation: 'repeatable read, read only' }, (session) =>
    run<{ jit: string }>(session, show),
  );
  expect(within).toEqual([{ jit: 'off' }]);
});

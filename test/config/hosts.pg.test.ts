import { expect, inject, it, type TestContext } from 'vitest';
import pg from 'pg';
import { ask, connectAs, openPoolAs } from '../support/connect-as.js';
import { createDatabases } from '../support/postgres.js';
import { NO_OTHER_VERSION, startStandbyOf, startSystemPostgres } from '../support/system-postgres.js';
import { until } from '../support/wait.js';

/** A database of one name on two servers, as a primary and its standby have it, and a role that may log in to both. */
interface Pair {
  readonly first: string;
  readonly second: string;
  readonly env: (attrs?: string) => Record<string, string>;
  /** Makes one of the two refuse writes, and the other one take them. */
  readonly failOver: (to: 'first' | 'second') => Promise<void>;
}

async function openPair(context: TestContext): Promise<Pair> {
  const { local } = await createDatabases(context, 'empty');
  const name = local.settings.database;
  const { local: first, remote: second } = inject('stack');
  const onBoth = async (text: string): Promise<void> => {
    await onServer(first, text);
    await onServer(second, text);
  };
  const role = `pair_${name.slice(-8)}`;
  await onBoth(`create role ${role} login password 'right'`);
  context.onTestFinished(() => onBoth(`drop role ${role}`));
  const ports = [first, second].map((url) => new URL(url).port);
  await onServer(second, `alter role ${role} in database postgres set default_transaction_read_only = on`);
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
  return {
    first: `${role}@${ports[0]}`,
    second: `${role}@${ports[1]}`,
    env: (attrs) => ({
      POSTGRES_SYNC_URL: `postgresql://${role}:right@${hosts}/postgres${attrs === undefined ? '' : `?target_session_attrs=${attrs}`}`,
    }),
    failOver: async (to) => {
      const [read, write] = to === 'first' ? [second, first] : [first, second];
      await onServer(read, `alter role ${role} in database postgres set default_transaction_read_only = on`);
      await onServer(write, `alter role ${role} in database postgres reset default_transaction_read_only`);
    },
  };
}

async function onServer(connectionString: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(text);
  await client.end();
}

it('of several hosts the first that takes writes is taken, and after a failover the other one', async (context) => {
  const pair = await openPair(context);
  expect(await connectAs(pair.env())).toBe(pair.first);
  const pool = openPoolAs(pair.env('read-write'));
  expect(await ask(pool)).toBe(pair.first);
  await pool.end();
  await pair.failOver('second');
  expect(await connectAs(pair.env())).toBe(pair.second);
  expect(await connectAs(pair.env('any'))).toBe(pair.first);
  expect(await connectAs(pair.env('primary'))).toBe(pair.first); // it is no standby, whatever its default
});

it('a host that is down is passed by, and a login that is refused is not tried elsewhere', async (context) => {
  const pair = await openPair(context);
  const url = pair.env()['POSTGRES_SYNC_URL']!;
  expect(await connectAs({ POSTGRES_SYNC_URL: url.replace('@', '@127.0.0.1:1,') })).toBe(pair.first);
  expect(await connectAs({ POSTGRES_SYNC_URL: url, POSTGRES_SYNC_PASSWORD: 'wrong' })).toMatchObject({
    sqlstate: '28P01',
  });
});

it('when no host is what is wanted, it is told what became of each, and tried again', async (context) => {
  const pair = await openPair(context);
  await pair.failOver('second');
  const [, port] = pair.first.split('@');
  const url = pair.env()['POSTGRES_SYNC_URL']!.replace(/@[^/]*/, `@127.0.0.1:1,127.0.0.1:${port}`);
  const failure = await connectAs({ POSTGRES_SYNC_URL: url });
  expect(failure).toMatchObject({ kind: 'unreachable', place: { side: 'local' } });
  expect(String(failure)).toMatch(
    /127\.0\.0\.1:1: connect ECONNREFUSED.*; 127\.0\.0\.1:\d+ is no server that takes writes/,
  );
});

it.skipIf(NO_OTHER_VERSION)(
  'a standby that is promoted is taken by the next connection, in whatever order they stand',
  async () => {
    const primary = await startSystemPostgres();
    await onServer(primary.url, `create role pair login password 'right'`);
    const standby = await startStandbyOf(primary);
    const ports = [standby, primary.url].map((url) => new URL(url).port);
    const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
    const env = { POSTGRES_SYNC_URL: `postgresql://pair:right@${hosts}/postgres?target_session_attrs=primary` };
    const [asStandby, asPrimary] = ports.map((port) => `pair@${port}`);
    await until(async () => (await connectAs(env)) === asPrimary, {
      what: 'the primary is found behind its standby',
      timeoutMs: 20_000,
    });
    const pool = openPoolAs(env);
    expect(await ask(pool)).toBe(asPrimary);
    await primary.stop();
    expect(await ask(pool)).toMatchObject({ kind: 'unreachable' });
    await onServer(standby, 'select pg_promote()');
    await until(async () => (await ask(pool)) === asStandby, { what: 'the new primary is found', timeoutMs: 20_000 });
    await pool.end();
  },
);

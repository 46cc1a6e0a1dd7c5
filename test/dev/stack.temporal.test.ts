import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';

import { startStack } from '../../src/dev/stack/stack.js';
import { until } from '../support/wait.js';

interface Started {
  readonly child: ChildProcess;
  readonly local: string;
  readonly remote: string;
  readonly temporalAddress: string;
  readonly folder: string;
}

/** A stack in a process of its own, to be killed. */
async function startApart(data = ''): Promise<Started> {
  const program = fileURLToPath(new URL('./run-stack.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, data], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until(() => output.endsWith('\n'), { what: 'a stack in another process' });
  return { child, ...(JSON.parse(output) as Omit<Started, 'child'>) };
}

function listens(host: string): Promise<boolean> {
  const { hostname, port } = new URL(host.includes('://') ? host : `tcp://${host}`);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

test('servers and folder are gone after kill -9 of their process', async () => {
  const { child, local, remote, temporalAddress, folder } = await startApart();
  expect(await Promise.all([local, remote, temporalAddress].map(listens))).toEqual([true, true, true]);

  child.kill('SIGKILL');

  await until(async () => !(await Promise.all([local, remote, temporalAddress].map(listens))).includes(true), {
    what: 'the end of all servers',
  });
  await until(() => !existsSync(folder), { what: 'the end of the folder' });
});

/** A folder of a test alone; open for the user that PostgreSQL runs as when we are root. */
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'meter-sync-kept-'));
  chmodSync(folder, 0o711);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

test('a kept folder is refused while it is in use, and serves again after kill -9', async () => {
  const data = newFolder();
  const options = { data, env: process.env, tell: () => {} };
  const first = await startApart(data);
  await query(first.local, 'create table kept as select 1 as value');

  await expect(startStack(options)).rejects.toThrow(`process ${first.child.pid} runs a stack in it`);
  first.child.kill('SIGKILL');
  await until(() => first.child.signalCode, { what: 'the end of the first process' });

  const second = await startStack(options);
  expect(await query(second.local, 'select value from kept')).toEqual([{ value: 1 }]);
  await second.stop();
  expect(await listens(second.local)).toBe(false);
  expect(existsSync(join(data, 'local'))).toBe(true);
});

test.runIf(process.getuid?.() === 0)(
  'a folder that PostgreSQL may not enter is told, and nothing is left',
  async () => {
    const data = newFolder();
    chmodSync(data, 0o700);

    await expect(startStack({ data, env: process.env, tell: () => {} })).rejects.toThrow(
      `${data} cannot be entered by the user`,
    );
    expect(existsSync(join(data, 'stack.lock'))).toBe(false);
  },
);

test('the two servers are two clusters, reached by password alone', async () => {
  const stack = await startStack({ env: process.env, tell: () => {} });
  try {
    const identify = 'select system_identifier::text from pg_control_system()';
    expect(await query(stack.local, identify)).not.toEqual(await query(stack.remote, identify));
    const wrong = Object.assign(new URL(stack.local), { password: 'wrong' }).href;
    await expect(query(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  } finally {
    await stack.stop();
  }
  expect(existsSync(stack.folder)).toBe(false);
});

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { lockFile, tryLockFile, type Release } from '../../src/dev/stack/process/lock-file.js';
import { identifyProcess, isRunning } from '../../src/dev/stack/process/process-identity.js';

function newLockPath(): { readonly folder: string; readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'meter-sync-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { folder, path: join(folder, 'the.lock') };
}

test('a lock that is held names its owner', () => {
  const { path } = newLockPath();
  const release = tryLockFile(path) as Release;

  expect(tryLockFile(path)).toMatchObject({ pid: process.pid });
  release();
  expect(tryLockFile(path)).toBeTypeOf('function');
});

test.each([
  ['a process that has ended', JSON.stringify({ pid: 2 ** 22 + 1, startedAt: '1' })],
  ['another process with the same number', JSON.stringify({ pid: process.pid, startedAt: 'long ago' })],
  ['a file that was cut short', '{"pid":'],
])('a lock left by %s is taken over', (_title, content) => {
  const { folder, path } = newLockPath();
  writeFileSync(path, content);

  expect(tryLockFile(path)).toBeTypeOf('function');
  expect(readdirSync(folder)).toEqual(['the.lock']);
});

test('of many who ask for a stale lock at once, one at a time has it', async () => {
  const { path } = newLockPath();
  writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, startedAt: '1' }));
  let holders = 0;
  let most = 0;

  await Promise.all(
    Array.from({ length: 5 }, async () => {
      const release = await lockFile(path, () => {});
      most = Math.max(most, (holders += 1));
      await Promise.resolve();
      holders -= 1;
      release();
    }),
  );

  expect(most).toBe(1);
});

test('a process is told apart from a later one with its number', () => {
  const me = identifyProcess(process.pid)!;

  expect(isRunning(me)).toBe(true);
  expect(isRunning({ ...me, startedAt: 'another time' })).toBe(false);
  expect(identifyProcess(2 ** 22 + 1)).toBeUndefined();
});

import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { expect, onTestFinished, test } from 'vitest';

import { cacheFolder, findTemporalBinary, type Way } from '../../src/dev/stack/temporal/temporal-binary.js';

const closed: Way = { name: 'closed', obtain: async () => undefined };

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'meter-sync-binary-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function writeProgram(path: string, says = 'temporal version 9.9.9 (Server 9.9.9, UI 9.9.9)'): string {
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`, { mode: 0o755 });
  return path;
}

test('a program named by setting goes before one on the PATH', async () => {
  const named = writeProgram(join(newFolder(), 'mine'));
  const onPath = newFolder();
  writeProgram(join(onPath, 'temporal'));

  const env = { METER_SYNC_TEMPORAL_BINARY: named, PATH: onPath, METER_SYNC_CACHE_DIR: newFolder() };
  expect((await findTemporalBinary(env, () => {}, [closed])).path).toBe(named);

  const without = { PATH: onPath, METER_SYNC_CACHE_DIR: newFolder() };
  expect((await findTemporalBinary(without, () => {}, [closed])).path).toBe(join(onPath, 'temporal'));
});

test('a program named by setting that does not run is an error that names the setting', async () => {
  const other = writeProgram(join(newFolder(), 'other'), 'something else 1.0');

  const found = findTemporalBinary({ METER_SYNC_TEMPORAL_BINARY: other, PATH: '' }, () => {}, [closed]);
  await expect(found).rejects.toThrow(`METER_SYNC_TEMPORAL_BINARY is '${other}'`);
});

test('two that need the server at once fetch it once, and the other one says that it waits', async () => {
  const env = { PATH: '', METER_SYNC_CACHE_DIR: newFolder() };
  const told: string[] = [];
  let fetched = 0;
  const slow: Way = {
    name: 'slow',
    obtain: async (destination) => {
      fetched += 1;
      await pause(300);
      writeProgram(`${destination}.part`);
      renameSync(`${destination}.part`, destination);
      return destination;
    },
  };

  const both = await Promise.all([1, 2].map(() => findTemporalBinary(env, (line) => told.push(line), [closed, slow])));

  expect(fetched).toBe(1);
  expect(both[0]).toEqual(both[1]);
  expect(told.filter((line) => line.includes('waiting'))).toHaveLength(1);
  expect(readdirSync(env.METER_SYNC_CACHE_DIR)).toEqual(['slow']);
});

test('a file in the cache that does not run is fetched again', async () => {
  const cache = newFolder();
  writeFileSync(join(cache, 'whole'), 'half of a program', { mode: 0o755 });
  const whole: Way = { name: 'whole', obtain: async (destination) => writeProgram(destination) };

  const found = await findTemporalBinary({ PATH: '', METER_SYNC_CACHE_DIR: cache }, () => {}, [whole]);
  expect(found.version).toContain('9.9.9');
});

test('with no way open, one error names all of them', async () => {
  const cache = join(newFolder(), 'made', 'when', 'needed');
  const found = findTemporalBinary({ PATH: '', METER_SYNC_CACHE_DIR: cache }, () => {}, [closed]);

  await expect(found).rejects.toThrow(
    /TEMPORAL_ADDRESS[^]*PATH[^]*METER_SYNC_TEMPORAL_BINARY[^]*temporal\.download[^]*go install/,
  );
  expect(existsSync(join(cache, 'temporal.lock'))).toBe(false);
});

test('the cache is where settings and the system want it', () => {
  expect(cacheFolder({ METER_SYNC_CACHE_DIR: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a');
  expect(cacheFolder({ XDG_CACHE_HOME: '/b' })).toBe('/b/meter-sync');
  expect(cacheFolder({})).toMatch(/\.cache\/meter-sync$/);
});

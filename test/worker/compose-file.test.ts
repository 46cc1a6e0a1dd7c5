import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { SEARCH_ATTRIBUTE_TYPES } from '../../src/model/wire.js';
import { toDrainTimes } from '../../src/worker/drain.js';

const path = fileURLToPath(new URL('../../docker-compose.yml', import.meta.url));
const file = readFileSync(path, 'utf8');

test('a container is given longer to end than its worker takes at most', () => {
  const seconds = (pattern: RegExp): number => Number(pattern.exec(file)?.[1]);
  const shutdownSeconds = seconds(/METER_SYNC_SHUTDOWN_SECONDS: '(\d+)'/);
  const graceSeconds = seconds(/stop_grace_period: (\d+)s/);
  expect(graceSeconds * 1_000).toBeGreaterThan(toDrainTimes(shutdownSeconds * 1_000).shutdownForceTime);
});

test("the compose file's Temporal server knows all search attributes, as keywords", () => {
  const registered = [...file.matchAll(/--search-attribute=(\w+)=(\w+)/g)].map(([, name, type]) => [name, type]);
  expect(registered).toEqual(Object.entries(SEARCH_ATTRIBUTE_TYPES));
});

test('docker-compose takes the compose file', (context) => {
  const checked = spawnSync('docker-compose', ['--file', path, '--profile', 'monitoring', 'config'], {
    encoding: 'utf8',
  });
  context.skip(checked.error !== undefined, 'there is no docker-compose on this machine');
  expect(checked.stderr).toBe('');
  expect(checked.status).toBe(0);
});

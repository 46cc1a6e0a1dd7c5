import { afterEach, expect, test, vi } from 'vitest';
import { toInstant } from '../../src/cli/instant.js';

afterEach(() => void vi.unstubAllEnvs());

test.each([
  ['UTC', '2026-01-01 00:00:00Z'],
  ['Europe/Berlin', '2026-01-01 01:00:00+01:00'],
  ['Asia/Kolkata', '2026-01-01 05:30:00+05:30'],
  ['America/St_Johns', '2025-12-31 20:30:00-03:30'],
])("an instant is told on the reader's clock, here of %s, with its distance", (zone, text) => {
  vi.stubEnv('TZ', zone);
  const iso = '2026-01-01T00:00:00.000Z';
  expect(toInstant(iso, Date.parse(iso) + 60_000)).toBe(`${text} (1 min ago)`);
  expect(toInstant(iso, Date.parse(iso) - 60_000)).toBe(`${text} (in 1 min)`);
  expect(toInstant(null, 0)).toBe('unknown');
});

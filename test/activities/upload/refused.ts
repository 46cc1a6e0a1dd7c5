import { expect } from 'vitest';
import type { SiteUnderTest } from './site-under-test.js';

/**
 * Uploads, and expects that one reading was refused: it stays at the site with nothing of it on the remote, and its value
 * is told nowhere.
 */
export async function expectRefused(site: SiteUnderTest, value: string, table = 'meter_readings'): Promise<void> {
  const told = await site.upload().then(
    (result) => JSON.stringify(result),
    (error: unknown) => `${String(error)} ${JSON.stringify(error)}`,
  );
  expect(told).toMatch(/"kind":"data"|"quarantined":1/);
  expect(told + JSON.stringify(site.logged)).not.toContain(value.trim());
  expect([await site.count(site.local, table), await site.count(site.remote, table)]).toEqual([1, 0]);
}

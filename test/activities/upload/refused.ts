import { expect } from 'vitest';
import type { SiteUnderTest } from './site-under-test.js';

/**
 * Uploads, and expects that the only reading was refused: it stays at the site, noted, with nothing of it on the remote,
 * and its value is told nowhere. Answers with the note.
 */
export async function expectRefused(
  site: SiteUnderTest,
  value: string,
  table = 'meter_readings',
): Promise<Record<string, string | null> | undefined> {
  expect(await site.upload()).toMatchObject({ selected: 1, inserted: 0, quarantined: 1, removed: 0 });
  const notes = await site.local.sql('select sqlstate, column_names[1] as column, message from meter_sync.quarantine');
  expect(notes).toHaveLength(1);
  expect(JSON.stringify([notes, site.logged])).not.toContain(value.trim());
  expect([await site.count(site.local, table), await site.count(site.remote, table)]).toEqual([1, 0]);
  return notes[0];
}

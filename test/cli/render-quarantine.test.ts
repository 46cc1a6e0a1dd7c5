import { expect, test } from 'vitest';
import type { Quarantined } from '../../activities/upload/quarantine/list.js';
import { renderReading } from '../../src/cli/quarantine/render-quarantine.js';

const plain = {
  paint: (_: unknown, text: string) => text,
  table: (_: unknown, rows: readonly (readonly string[])[]) => rows.map((row) => row.join(': ')).join('\n'),
};

function show(changes: Partial<Quarantined>): string {
  const at = '2026-01-01T00:00:00Z';
  const tried = { readingTime: at, firstTriedAt: at, lastTriedAt: at, tries: 1, isReleased: false };
  const refusal = { sqlstate: '23514', constraint: null, table: 't', columns: [], message: 'no' };
  const reading = { key: ['9'], ...tried, ...refusal, ...changes };
  return renderReading(reading, { siteId: 'north', keyColumns: ['id'] }, Date.parse(at) + 1_000, plain);
}

test.each([
  [
    'unknown meter',
    { sqlstate: '23503', constraint: 'fk' },
    'by itself, once the cause is gone',
    /- Unknown meter \(23503\)/,
  ],
  ['no partition', {}, 'by itself, every ten minutes', /- No partition \(23514\)/],
  ['refused by a check', { constraint: 'plausible' }, 'only on request', /- Constraints/],
  ['refused by a trigger', { sqlstate: 'P0001' }, 'only on request', /- Trigger \(P0001\): that server's log/],
  ['not what a view', { sqlstate: '44000' }, 'only on request', /- View \(44/],
  ['too large for an index', { sqlstate: '54000' }, 'only on request', /- Too large \(54000\)/],
  [
    'in conflict with another reading of its key',
    { sqlstate: null },
    'only on request',
    /- Conflict: .* or at the site/,
  ],
  ['refused by a check', { constraint: 'plausible', isReleased: true }, 'with the next cycle', /- Constraints/],
] as const)(
  'a reading tells its reason, when it is tried again and what to do: %s',
  (reason, changes, again, advice) => {
    const text = show(changes);
    expect(text).toContain(`reason: ${reason}`);
    expect(text).toContain(`tried again: ${again}`);
    expect(text.match(/^- /gm)).toHaveLength(1);
    expect(text).toMatch(advice);
  },
);

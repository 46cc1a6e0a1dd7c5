import { describe, expect, it } from 'vitest';
import {
  deleteReadings,
  type Queue,
  selectAny,
  selectBoundary,
  selectReadings,
} from '../../../activities/upload/queue/queue.js';
import {
  compareStaged,
  createStaging,
  insertAbsent,
  selectConflicts,
} from '../../../activities/upload/send/staging.js';

const queue: Queue = {
  readings: {
    table: { schema: 'Site "A"', name: 'meter; drop table x' },
    key: ['i"d', 'select'],
    order: "at '",
    flag: 'is synced',
  },
  orderType: 'timestamp with time zone',
  keyTypes: ['uuid', 'app."My Type"'],
  orderMayBeNull: true,
  orderIsTime: true,
  quarantineOf: null,
  cuts: [],
};
const above = { order: "2026-01-01' or true --", key: ["k'1", 'k\\2'] };

describe('the statements of the queue', () => {
  it('quote every name and every boundary', () => {
    expect(
      flat(
        selectReadings(queue, [{ name: 'va"lue', maxLength: null, inZone: null }], {
          hasOrder: true,
          section: 0,
          above,
          upTo: above,
        }),
      ),
    ).toBe(
      `select r."va""lue" from "Site ""A"""."meter; drop table x" as r where r."is synced" is not true ` +
        `and r."at '" is not null ` +
        `and (r."at '", r."i""d", r."select") > ` +
        `('2026-01-01'' or true --'::timestamp with time zone, 'k''1'::uuid, E'k\\\\2'::app."My Type") ` +
        `and (r."at '", r."i""d", r."select") <= ` +
        `('2026-01-01'' or true --'::timestamp with time zone, 'k''1'::uuid, E'k\\\\2'::app."My Type") ` +
        `order by r."at '", r."i""d", r."select"`,
    );
  });

  it('copy and delete by the same words', () => {
    for (const hasOrder of [true, false]) {
      const stretch = { hasOrder, section: 0, above: null, upTo: hasOrder ? above : { ...above, order: null } };
      const where = (text: string): string =>
        flat(text)
          .replace(/^.* where /, '')
          .replace(/ order by .*$/, '');
      expect(where(deleteReadings(queue, stretch).text)).toBe(where(selectReadings(queue, [], stretch)));
    }
  });

  it('order readings without a value in the order column by their key alone', () => {
    const { text, values } = selectBoundary(
      queue,
      { hasOrder: false, section: 0, above: { order: null, key: ['a', 'b'] } },
      50,
    );
    expect(flat(text)).toContain(`r."at '" is null and (r."i""d", r."select") > ('a'::uuid, 'b'::app."My Type")`);
    expect(values).toEqual([49]);
  });

  it('queue every reading when there is no flag', () => {
    const { text } = selectAny(
      { ...queue, readings: { ...queue.readings, flag: null } },
      { hasOrder: true, section: 0, above: null },
    );
    expect(flat(text)).toContain(`where true and r."at '" is not null`);
  });

  it('keep quarantined readings out of what is copied, and of what is deleted', () => {
    const quarantined = { ...queue, quarantineOf: "site'1" };
    const stretch = { hasOrder: true, section: 0, above: null, upTo: null };
    const clause = `not exists ( select from meter_sync.quarantine as q where q.site = 'site''1' and not q.is_released and q.key = array[r."i""d"::text, r."select"::text])`;
    expect(flat(selectReadings(quarantined, [], stretch))).toContain(clause);
    expect(flat(deleteReadings(quarantined, stretch).text)).toContain(clause);
  });

  it('mark texts that the remote would cut', () => {
    const text = selectReadings(queue, [{ name: 'n', maxLength: 3, inZone: null }], {
      hasOrder: true,
      section: 0,
      above: null,
      upTo: null,
    });
    expect(text).toContain(`case when char_length(r."n") > 3 then r."n" || '.' else r."n" end`);
  });
});

describe('the statements of the staging table', () => {
  it('quote every name and carry names as values only', () => {
    const columns = ['i"d', 'select', "va'lue"];
    const statements = [
      createStaging(queue.readings, columns),
      insertAbsent(queue.readings, columns),
      compareStaged(queue.readings, columns),
      selectConflicts(queue.readings, columns, 3),
    ];
    for (const { text } of statements) {
      expect(text).toContain('"Site ""A"""."meter; drop table x"');
      expect(text.replace(/"([^"]|"")*"/g, '')).not.toMatch(/drop table|va'lue|or true/);
    }
    expect(statements[1]?.text).toContain('on conflict ("i""d", "select") do nothing');
    expect(statements[3]?.values).toEqual([3, ...columns]);
  });
});

function flat(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}

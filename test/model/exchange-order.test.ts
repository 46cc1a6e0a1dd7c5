import fc from 'fast-check';
import { expect, test } from 'vitest';
import { orderExchange } from '../../src/model/exchange-order.js';

/** Rows of one unique column: what each has, and what those that are to be written want. */
interface Rows {
  readonly has: ReadonlyMap<string, number>;
  readonly wants: ReadonlyMap<string, number>;
}

const someRows: fc.Arbitrary<Rows> = fc
  .integer({ min: 1, max: 12 })
  .chain((size) =>
    fc.tuple(
      fc.shuffledSubarray([...Array(size + 2).keys()], { minLength: size, maxLength: size }),
      fc.array(fc.boolean(), { minLength: size, maxLength: size }),
    ),
  )
  .map(([wanted, moves]) => ({
    has: new Map(wanted.map((_, at) => [`r${at}`, at])),
    wants: new Map(
      wanted.flatMap((value, at) => (moves[at] === true && value !== at ? [[`r${at}`, value] as const] : [])),
    ),
  }));

function holdersIn({ has, wants }: Rows): Map<string, string[]> {
  const whoHas = new Map([...has].map(([row, value]) => [value, row]));
  return new Map([...wants].map(([row, value]) => [row, [whoHas.get(value) ?? []].flat()]));
}

test('each row of an exchange finds its value free when it is written, and only one row of a ring is moved away first', () => {
  fc.assert(
    fc.property(someRows, (rows) => {
      const rings = orderExchange(holdersIn(rows));
      const now = new Map<string, number | null>(rows.has);
      for (const { movedFirst, steps } of rings) {
        expect(movedFirst.length).toBeLessThanOrEqual(1);
        movedFirst.forEach((row) => now.set(row, null));
        for (const step of steps) {
          const taken = new Set(now.values());
          expect(step.filter((row) => taken.has(rows.wants.get(row) ?? -1))).toEqual([]);
          step.forEach((row) => now.set(row, rows.wants.get(row) ?? -1));
        }
      }
    }),
  );
});

test('only rows that wait for one that does not move are left out', () => {
  fc.assert(
    fc.property(someRows, (rows) => {
      const holders = holdersIn(rows);
      const written = new Set(orderExchange(holders).flatMap(({ steps }) => steps.flat()));
      const isStuck = (row: string): boolean =>
        !written.has(row) && (holders.get(row) ?? []).some((holder) => !written.has(holder));
      expect([...holders.keys()].filter((row) => !written.has(row) && !isStuck(row))).toEqual([]);
      expect([...written].filter((row) => (holders.get(row) ?? []).some((holder) => !written.has(holder)))).toEqual([]);
    }),
  );
});

test('a row that waits for two others, each in a ring with it, is written when both have moved', () => {
  const [ring, ...others] = orderExchange(
    new Map([
      ['a', ['b', 'c']],
      ['b', ['a']],
      ['c', ['a']],
      ['stuck', ['elsewhere']],
    ]),
  );
  expect(others).toEqual([]);
  expect(ring?.steps.flat().sort()).toEqual(['a', 'b', 'c']);
});

import { expect, test } from 'vitest';
import { FAILURE_KINDS, FAILURE_RULES, nameSite } from '../../src/model/failures.js';

test('every command in what to do about a failure names the site, where it is known', () => {
  for (const kind of FAILURE_KINDS) {
    const { next } = FAILURE_RULES[kind];
    const named = nameSite(next, 'north');
    for (const [command] of named.matchAll(/meter-sync [a-z].*/g))
      expect(command).toMatch(/^meter-sync \S+ --site north/);
    expect(nameSite(named, 'south')).toBe(named);
    expect(nameSite(next, null)).toBe(next);
  }
});

test.each([
  ['then: meter-sync sync-now --wait', 'then: meter-sync sync-now --site north --wait'],
  [
    'run: meter-sync check. For a server: meter-sync dev',
    'run: meter-sync check --site north. For a server: meter-sync dev',
  ],
  ['meter-sync quarantine list --site a', 'meter-sync quarantine list --site a'],
])('"%s" becomes "%s"', (next, wanted) => {
  expect(nameSite(next, 'north')).toBe(wanted);
});

import { expect, test } from 'vitest';
import { FAILURE_KINDS, FAILURE_RULES, nameDba, nameSite, wasLetIn } from '../../src/model/failures.js';

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

test('advice about a database names its side, where it is known', () => {
  const { next } = FAILURE_RULES.credentials;
  expect(nameDba(next, 'remote')).toContain('Ask the DBA of the remote database to fix');
  expect(nameDba(next, 'local')).toContain('Ask the DBA of the local database to fix');
  expect(nameDba(next, null)).toBe(next);
});

test.each([
  ['unreachable', null, false],
  ['credentials', null, false], // a password file that is gone, TLS
  ['credentials', '28P01', false],
  ['config', null, false], // no PostgreSQL at that port
  ['config', '3D000', false],
  ['busy', '53300', false],
  ['busy', '53100', true],
  ['credentials', '42501', true],
  ['damaged', 'XX001', true],
  ['schema', null, true],
] as const)('a server that failed an operation with %s %s has let us in: %s', (kind, sqlstate, wanted) => {
  expect(wasLetIn({ kind, sqlstate })).toBe(wanted);
});

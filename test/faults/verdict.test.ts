import { expect, it } from 'vitest';
import { judgeReadings, type Verdict } from './lab/verdict.js';

/** One reading `r` that was written as the given versions, and what is found of it. */
interface Case {
  readonly versions?: string[];
  readonly isDeleted?: boolean;
  readonly here?: { readonly content: string; readonly isBad?: boolean };
  readonly there?: string;
  readonly quarantine?: string | null;
}

function judge({ versions = ['a'], isDeleted = false, here, there, quarantine }: Case): Verdict {
  return judgeReadings({
    known: new Map([['r', { versions, isDeleted, isPlanted: false }]]),
    here: new Map(here === undefined ? [] : [['r', { isBad: false, ...here }]]),
    there: new Map(there === undefined ? [] : [['r', there]]),
    quarantine: new Map(quarantine === undefined ? [] : [['r', quarantine]]),
  });
}

const a = { content: 'a' };
const b = { content: 'b' };

it.each<[string, Case]>([
  ['was delivered', { there: 'a' }],
  ['was updated and then delivered', { versions: ['a', 'b'], there: 'b' }],
  ['was deleted before it was sent', { isDeleted: true }],
  ['was sent and then deleted', { isDeleted: true, there: 'a' }],
  ['is refused and told', { here: { ...a, isBad: true }, quarantine: '23514' }],
  ['was updated after it was sent, and told', { versions: ['a', 'b'], here: b, there: 'a', quarantine: null }],
])('the oracle finds nothing when a reading %s', (_, found) => {
  expect(judge(found)).toMatchObject({ lost: [], doubled: [], changed: [], misplaced: [] });
});

it.each<[string, keyof Verdict, Case]>([
  ['is at neither end', 'lost', {}],
  ['stays behind without a reason', 'lost', { here: a }],
  ['is refused and nobody is told', 'lost', { here: { ...a, isBad: true } }],
  ['is at both ends', 'doubled', { here: a, there: 'a' }],
  ['differs at both ends and nobody is told', 'doubled', { versions: ['a', 'b'], here: b, there: 'a' }],
  ['was deleted and is here again', 'doubled', { isDeleted: true, here: a, quarantine: '23514' }],
  ['arrived with another content', 'changed', { there: 'x' }],
  ['arrived as it was before an update', 'changed', { versions: ['a', 'b'], there: 'a' }],
  ['is here as it was before an update', 'changed', { versions: ['a', 'b'], here: a, quarantine: '23514' }],
  ['is in quarantine without a reason', 'misplaced', { there: 'a', quarantine: '23503' }],
])('the oracle finds a reading that %s', (_, list, found) => {
  expect(judge(found)[list]).not.toEqual([]);
});

it('the oracle finds a reading that nobody made', () => {
  const nothing = { known: new Map(), here: new Map(), quarantine: new Map() };
  expect(judgeReadings({ ...nothing, there: new Map([['r', 'a']]) }).doubled).not.toEqual([]);
});

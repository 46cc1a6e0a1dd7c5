import { expect, it } from 'vitest';
import { findSimilarName } from '../../src/model/similar-name.js';

it('a misspelt name is told for the one that was meant, and a strange one for none', () => {
  const names = ['value', 'power_factor', 'Note'];
  expect(findSimilarName('vlaue', names)).toBe('value');
  expect(findSimilarName('powerfactor', names)).toBe('power_factor');
  expect(findSimilarName('note', names)).toBe('Note');
  expect(findSimilarName('temperature', names)).toBeNull();
  expect(findSimilarName('value', [])).toBeNull();
});

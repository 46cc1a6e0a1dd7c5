import { expect, it } from 'vitest';
import { ident, idents, literal, relation } from '../../src/postgres/identifier.js';

it('a name stays one name, whatever is in it', () => {
  expect(ident('Straße "7"; drop table x --')).toBe('"Straße ""7""; drop table x --"');
  expect(idents(['select', 'A'], 'r')).toBe('r."select", r."A"');
  expect(relation({ schema: 'a.b', name: 'c"d' })).toBe('"a.b"."c""d"');
  expect(relation({ schema: null, name: 't' })).toBe('"t"');
});

it('a text stays one literal, whatever is in it', () => {
  expect(literal(`it's`)).toBe(`'it''s'`);
  expect(literal('back\\slash')).toBe(` E'back\\\\slash'`);
});

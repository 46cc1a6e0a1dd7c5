import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convert } from '../../src/model/conversion.js';

const TYPES = [
  'smallint', 'integer', 'bigint', 'numeric', 'numeric(18,6)', 'real', 'double precision', 'text', 'bytea', 'uuid', 'date',
  'character varying', 'character varying(20)', 'character(5)', 'bit(3)', 'bit varying(8)', 'boolean', 'json', 'jsonb',
  'timestamp with time zone', 'timestamp without time zone', 'timestamp(3) with time zone', 'time with time zone',
  'interval', 'interval day to second(3)', 'integer[]', 'numeric(5,2)[]', '"char"', 'app."My Type"',
]; // prettier-ignore

const numeric = fc
  .integer({ min: 1, max: 40 })
  .chain((precision) =>
    fc.record({ precision: fc.constant(precision), scale: fc.integer({ min: 0, max: precision }) }),
  );

describe('how a value gets from one type to another', () => {
  it('leaves every type as it is when both ends have it', () => {
    for (const type of TYPES) expect(convert(type, type)).toEqual({ by: 'binary' });
  });

  it('rounds a numeric exactly when the remote has fewer digits behind the point, and refuses by those before it', () => {
    fc.assert(
      fc.property(numeric, numeric, (local, remote) => {
        const move = convert(print(local), print(remote));
        expect(move.by).toBe('binary');
        expect('rounds' in move).toBe(remote.scale < local.scale);
        expect('refuses' in move).toBe(remote.precision - remote.scale < local.precision - local.scale);
      }),
    );
    expect(convert('numeric', 'numeric(38,10)')).toMatchObject({ by: 'binary', rounds: 'which would round' });
    expect(convert('numeric(38,10)', 'numeric')).toEqual({ by: 'binary' });
    expect(convert('numeric(38,10)[]', 'numeric(38,2)[]')).toHaveProperty('rounds');
  });

  it('rounds a moment exactly when the remote has fewer digits of a second', () => {
    const kinds = ['timestamp with time zone', 'timestamp without time zone', 'time with time zone', 'interval'];
    const precision = fc.option(fc.integer({ min: 0, max: 6 }));
    fc.assert(
      fc.property(fc.constantFrom(...kinds), precision, precision, (kind, local, remote) => {
        const move = convert(withPrecision(kind, local), withPrecision(kind, remote));
        expect('rounds' in move).toBe((remote ?? 6) < (local ?? 6));
      }),
    );
  });

  it.each([
    ['smallint', 'integer'],
    ['integer', 'bigint'],
    ['integer', 'numeric(18,6)'],
    ['integer', 'double precision'],
    ['real', 'double precision'],
    ['uuid', 'text'],
    ['double precision', 'character varying'],
    ['integer[]', 'bigint[]'],
    ['jsonb', 'json'],
  ])('moves %s into %s as text', (local, remote) => {
    expect(convert(local, remote)).toEqual({ by: 'text' });
  });

  it.each([
    ['bigint', 'integer'],
    ['integer', 'numeric(10,2)'],
    ['numeric(12,0)', 'bigint'],
    ['character varying(4)', 'character varying(3)'],
    ['text', 'character varying(3)'],
    ['bit varying(8)', 'bit varying(4)'],
    ['numeric(18,2)', 'numeric(8,2)'],
  ])('knows that values of %s can be refused by %s, and none is changed', (local, remote) => {
    const move = convert(local, remote);
    expect(move).toHaveProperty('refuses');
    expect(move).not.toHaveProperty('rounds');
  });

  it.each([
    ['double precision', 'real'],
    ['bigint', 'double precision'],
    ['numeric', 'double precision'],
    ['double precision', 'numeric'], // has no -0
    ['bigint', 'numeric(10,-2)'],
    ['character(5)', 'character(3)'],
    ['json', 'jsonb'], // loses its spelling
    ['text[]', 'character varying(3)[]'], // cuts blanks
    ['interval', 'interval day to second'],
    ['interval day', 'interval hour'],
  ])('knows that %s changes values of %s', (local, remote) => {
    expect(convert(local, remote)).toHaveProperty('rounds');
  });

  it.each([
    ['double precision', 'bigint'], // of one width: binary would land as garbage
    ['bit(5)', 'bit(3)'],
    ['text', 'character(10)'], // would gain blanks
    ['integer', 'integer[]'],
    ['numeric', 'bigint'],
    ['timestamp with time zone[]', 'timestamp without time zone[]'],
    ['timestamp with time zone', 'time with time zone'],
    ['mood', 'temper'],
  ])('does not move %s into %s', (local, remote) => {
    expect(convert(local, remote).by).toBe('nothing');
  });

  it('tells instants with a zone from those without, and their precision', () => {
    const [bare, zoned] = ['timestamp without time zone', 'timestamp with time zone'];
    expect(convert(bare, zoned)).toEqual({ by: 'text', crossesZone: true });
    expect(convert(zoned, bare)).toEqual({ by: 'text', crossesZone: true });
    expect(convert(zoned, 'timestamp(3) without time zone')).toMatchObject({
      crossesZone: true,
      rounds: 'which would round',
    });
  });

  it('moves a text into a shorter one only with a guard against cut blanks', () => {
    expect(convert('text', 'character varying(3)')).toMatchObject({ by: 'binary', maxLength: 3 });
    expect(convert('character varying(4)', 'character varying(3)')).toMatchObject({ by: 'binary', maxLength: 3 });
    expect(convert('character varying(3)', 'character varying(4)')).toEqual({ by: 'binary' });
  });
});

function print({ precision, scale }: { precision: number; scale: number }): string {
  return `numeric(${precision},${scale})`;
}

function withPrecision(kind: string, digits: number | null): string {
  return digits === null ? kind : kind.replace(/^\w+/, (word) => `${word}(${digits})`);
}

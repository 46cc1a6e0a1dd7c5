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

  it('refuses a numeric exactly when the remote has fewer digits behind the point', () => {
    fc.assert(
      fc.property(numeric, numeric, (local, remote) => {
        const by = convert(print(local), print(remote)).by;
        expect(by).toBe(remote.scale < local.scale ? 'nothing' : 'binary');
      }),
    );
    expect(convert('numeric', 'numeric(38,10)')).toEqual({ by: 'nothing', because: 'which would round' });
    expect(convert('numeric(38,10)', 'numeric').by).toBe('binary');
    expect(convert('numeric(38,10)[]', 'numeric(38,2)[]').by).toBe('nothing');
  });

  it('refuses a moment exactly when the remote has fewer digits of a second', () => {
    const kinds = ['timestamp with time zone', 'timestamp without time zone', 'time with time zone', 'interval'];
    const precision = fc.option(fc.integer({ min: 0, max: 6 }));
    fc.assert(
      fc.property(fc.constantFrom(...kinds), precision, precision, (kind, local, remote) => {
        const by = convert(withPrecision(kind, local), withPrecision(kind, remote)).by;
        expect(by).toBe((remote ?? 6) < (local ?? 6) ? 'nothing' : 'binary');
      }),
    );
  });

  it.each([
    ['smallint', 'integer'],
    ['integer', 'bigint'],
    ['bigint', 'integer'], // refused where a value is too large, never cut
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
    ['double precision', 'real'],
    ['bigint', 'double precision'],
    ['double precision', 'bigint'], // of one width: binary would land as garbage
    ['timestamp without time zone', 'timestamp with time zone'],
    ['timestamp with time zone', 'timestamp without time zone'],
    ['numeric', 'double precision'],
    ['bigint', 'numeric(10,-2)'],
    ['character(5)', 'character(3)'],
    ['bit(5)', 'bit(3)'],
    ['bit varying(8)', 'bit varying(4)'],
    ['json', 'jsonb'], // would lose its spelling
    ['text', 'character(10)'], // would gain blanks
    ['integer', 'integer[]'],
    ['text[]', 'character varying(3)[]'],
    ['mood', 'temper'],
  ])('does not move %s into %s', (local, remote) => {
    expect(convert(local, remote).by).toBe('nothing');
  });

  it('moves a text into a shorter one only with a guard against cut blanks', () => {
    expect(convert('text', 'character varying(3)')).toEqual({ by: 'binary', maxLength: 3 });
    expect(convert('character varying(4)', 'character varying(3)')).toEqual({ by: 'binary', maxLength: 3 });
    expect(convert('character varying(3)', 'character varying(4)')).toEqual({ by: 'binary' });
  });
});

function print({ precision, scale }: { precision: number; scale: number }): string {
  return `numeric(${precision},${scale})`;
}

function withPrecision(kind: string, digits: number | null): string {
  return digits === null ? kind : kind.replace(/^\w+/, (word) => `${word}(${digits})`);
}

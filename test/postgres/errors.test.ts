import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { UnsettledBatch } from '../../src/model/upload-counts.js';
import { toDatabaseFailure, toFailureKind } from '../../src/postgres/errors.js';

describe('the kind of an error', () => {
  it.each([
    ['08006', 'unreachable'],
    ['57P01', 'unreachable'],
    ['57014', 'busy'],
    ['40001', 'busy'],
    ['40P01', 'busy'],
    ['53100', 'busy'],
    ['55P03', 'busy'],
    ['28P01', 'credentials'],
    ['42501', 'credentials'],
    ['42P01', 'schema'],
    ['42703', 'schema'],
    ['22P03', 'schema'], // binary formats differ: no row is bad
    ['22003', 'data'],
    ['23505', 'data'],
    ['54000', 'data'], // a value that is too long for an index
    ['P0001', 'data'],
    ['58030', 'busy'],
    ['3D000', 'config'],
    ['XX000', 'unexpected'],
  ])('SQLSTATE %s is %s', (code, kind) => {
    expect(toFailureKind(databaseError({ code }))).toBe(kind);
  });

  it('a protocol violation that the server found is ours, and one that a pooler tells is a matter of the link', () => {
    expect(toFailureKind(databaseError({ code: '08P01', routine: 'exec_bind_message' }))).toBe('unexpected');
    expect(toFailureKind(databaseError({ code: '08P01', message: 'server conn crashed?' }))).toBe('unreachable');
  });

  it.each(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'ENOTFOUND'])('%s of a socket is unreachable', (code) => {
    expect(toFailureKind(Object.assign(new Error('no'), { code }))).toBe('unreachable');
    expect(toFailureKind(new AggregateError([Object.assign(new Error('no'), { code })]))).toBe('unreachable');
  });

  it('counts that do not agree are a matter of the tables', () => {
    expect(toFailureKind(new UnsettledBatch('no'))).toBe('schema');
  });

  it('anything else is unexpected', () => {
    for (const error of [new TypeError('x is not a function'), 'text', undefined]) {
      expect(toFailureKind(error)).toBe('unexpected');
    }
  });
});

describe('a failure of a database', () => {
  it('names the place and never the values', () => {
    const error = databaseError({
      code: '23505',
      message: 'duplicate key value violates unique constraint "t_pkey"',
      detail: 'Key (id)=(4711) already exists.',
      schema: 'public',
      table: 't',
      constraint: 't_pkey',
    });
    const failure = toDatabaseFailure(error, 'remote');
    expect(failure).toMatchObject({
      kind: 'data',
      sqlstate: '23505',
      place: { side: 'remote', table: 'public.t', column: null, constraint: 't_pkey' },
    });
    expect(failure.message).not.toContain('4711');
  });

  it.each([
    ['invalid input syntax for type integer: "4711 kWh"', 'COPY t, line 3, column value: "4711 kWh"'],
    ['value "4711" is out of range for type integer', 'COPY t, line 3, column value: "4711"'],
    ['invalid input value for enum mood: "4711"', 'COPY t, line 3, column value: "4711"'],
  ])('hides the value that %s quotes, and keeps the column', (message, where) => {
    const failure = toDatabaseFailure(databaseError({ code: '22P02', message, where }), 'local');
    expect(failure.message).not.toContain('4711');
    expect(failure.message).toContain('(column value)');
    expect(failure.place.column).toBe('value');
    expect(failure.cause).toBeUndefined(); // a cause is logged, and this one quotes the value
  });

  it.each([
    'invalid byte sequence for encoding "UTF8": 0xe9 0x47 0x11',
    'character with byte sequence 0xe9 0x47 0x11 in encoding "UTF8" has no equivalent in encoding "LATIN1"',
  ])('hides the bytes of %s', (message) => {
    expect(toDatabaseFailure(databaseError({ code: '22021', message }), 'local').message).not.toMatch(/0x|47/);
  });

  it('names the function that refuses a row, and not its words', () => {
    const where = 'PL/pgSQL function public.look(text) line 3 at RAISE\nCOPY t, line 1: "4711"';
    const raised = databaseError({ code: 'P0001', message: '4711 is too much', routine: 'exec_stmt_raise', where });
    const failure = toDatabaseFailure(raised, 'remote');
    expect(failure.message).toContain('remote database: PL/pgSQL function public.look(text) line 3 raised an error');
    expect(JSON.stringify(failure) + failure.message).not.toContain('4711');
  });
});

function databaseError(facts: Partial<pg.DatabaseError>): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError(facts.message ?? 'refused', 1, 'error'), facts);
}

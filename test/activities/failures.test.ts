import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { translateErrors } from '../../activities/failures.js';
import { UnsettledBatch } from '../../src/model/upload-counts.js';
import {
  FAILURE_KINDS,
  FAILURE_RULES,
  type FailureKind,
  type FailureReport,
  nameSite,
} from '../../src/model/failures.js';
import { DatabaseFailure, toDatabaseFailure } from '../../src/postgres/errors.js';

const INSTANT: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
/** When an attempt was asked for and ended; the loop's clock follows it. */
const RAN = { askedAt: INSTANT, endedAt: INSTANT };

describe('a failure of an operation', () => {
  it.each([
    ['data', 1],
    ['schema', 1],
    ['credentials', 1],
    ['config', 1],
    ['fenced', 1],
    ['damaged', 1],
    ['busy', 3],
    ['unexpected', 3],
    ['unreachable', 6],
  ] as const)('of the kind %s is given up at attempt %i, not before', async (kind, attempts) => {
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const failure = await failAt(attempt, new DatabaseFailure(kind, 'it failed'));
      expect([failure.type, failure.nonRetryable]).toEqual([kind, attempt === attempts]);
    }
  });

  it('has as its details its report, where it happened and what to do, and when the attempt ran', async () => {
    const place = { side: 'remote', table: 't', column: 'value', constraint: 'c' } as const;
    const failure = await failAt(
      1,
      new DatabaseFailure('data', 'remote database: no', { ...place, sqlstate: '23514' }),
    );
    const next = nameSite(FAILURE_RULES.data.next, 'north');
    expect(next).toMatch(/meter-sync sync-now --site north --wait$/);
    const report: FailureReport = { kind: 'data', message: 'remote database: no', sqlstate: '23514', ...place, next };
    expect(failure.details).toEqual([report, RAN]);
  });

  it('says what the failure itself knows of the way on, before what its kind says', async () => {
    const failure = await failAt(1, new DatabaseFailure('data', 'no', { next: 'Do this: meter-sync check' }));
    expect(failure.details).toMatchObject([{ next: 'Do this: meter-sync check --site north' }, RAN]);
  });

  it('tells neither values nor secrets, whatever PostgreSQL says', async () => {
    const said = Object.assign(new pg.DatabaseError('invalid input syntax for type integer: "secret"', 1, 'error'), {
      code: '22P02',
      detail: 'Failing row contains (secret).',
      where: 'COPY t, line 1, column value: "secret"',
      internalQuery: 'select secret',
    });
    const failure = await failAt(1, toDatabaseFailure(said, 'remote'));
    expect(JSON.stringify([failure.message, failure.details, failure.stack, failure.cause])).not.toContain('secret');
  });

  it('of a server that was silent is not tried again within the cycle', async () => {
    const silence = new DatabaseFailure('unreachable', 'nothing comes', { side: 'remote', isSilence: true });
    expect(await failAt(1, silence)).toMatchObject({ type: 'unreachable', nonRetryable: true });
    expect(await failAt(1, new DatabaseFailure('unreachable', 'no link'))).toMatchObject({ nonRetryable: false });
  });

  it.each([
    [new TypeError('x is not a function'), 'unexpected'],
    [new UnsettledBatch('the counts do not agree'), 'schema'],
    [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'unreachable'],
    ['a text', 'unexpected'],
  ])('of another error (%s) has a kind, too', async (error, kind) => {
    expect((await failAt(1, error)).type).toBe(kind);
  });

  it('has a kind for which there is a rule', () => {
    const kinds: readonly FailureKind[] = FAILURE_KINDS;
    for (const kind of kinds) expect(FAILURE_RULES[kind].maxAttempts).toBeGreaterThan(0);
  });

  it('stays a cancellation when the attempt was given up', async () => {
    const environment = new MockActivityEnvironment();
    const given = new CancelledFailure('NOT_FOUND');
    const work = environment.run(() => translateErrors('north', () => Promise.reject(given)));
    await expect(work).rejects.toBe(given);
  });
});

async function failAt(attempt: number, error: unknown): Promise<ApplicationFailure> {
  const environment = new MockActivityEnvironment({ attempt });
  const failure: unknown = await environment
    .run(() => translateErrors('north', () => Promise.reject(error as Error)))
    .catch((thrown: unknown) => thrown);
  if (!(failure instanceof ApplicationFailure)) throw new Error('no ApplicationFailure was thrown', { cause: failure });
  return failure;
}

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { from as copyFrom } from 'pg-copy-streams';

import { idents } from '../../postgres/identifier.js';
import { type Database, execute, type Session } from '../../postgres/session.js';
import type { Statement } from '../../postgres/statement.js';
import { withTransaction } from '../../postgres/transaction.js';
import { type Reading, READING_COLUMNS, toCopyLine } from './reading.js';

/** Progress is told after each so many readings. */
const TELL_EVERY_READINGS = 500;

/** What a load has added. */
interface LoadedReadings {
  /** Readings that are in the table now and were not before. */
  readonly loaded: number;
  /** Readings whose id was there already: the same report, loaded again. */
  readonly alreadyThere: number;
}

/**
 * Loads readings into the sample's `meter_readings` by COPY, all or none. Safe to repeat: a reading that is there stays.
 * @param onProgress hears how many readings have been sent so far
 */
export function loadReadings(
  database: Database,
  readings: readonly Reading[],
  onProgress: (sent: number) => void = () => {},
): Promise<LoadedReadings> {
  return withTransaction(database, { isolation: 'read committed' }, async (session) => {
    await stageReadings(session, readings, onProgress);
    const loaded = await execute(session, insertStaged());
    return { loaded, alreadyThere: readings.length - loaded };
  });
}

/** The temporary table of a transaction's incoming readings; gone at its end. */
export const STAGED_READINGS = 'staged_readings';

/** Copies readings into a temporary table, `STAGED_READINGS`, that has the same columns but for the flag. */
export async function stageReadings(
  session: Session,
  readings: readonly Reading[],
  onProgress: (sent: number) => void = () => {},
): Promise<void> {
  await execute(session, createStaged());
  const copy = session.client.query(copyFrom(`copy ${STAGED_READINGS} (${idents(READING_COLUMNS)}) from stdin`));
  await pipeline(Readable.from(toLines(readings, onProgress)), copy);
}

function* toLines(readings: readonly Reading[], onProgress: (sent: number) => void): Generator<string> {
  for (let first = 0; first < readings.length; first += TELL_EVERY_READINGS) {
    const part = readings.slice(first, first + TELL_EVERY_READINGS);
    yield part.map(toCopyLine).join('');
    onProgress(first + part.length);
  }
}

function createStaged(): Statement {
  const columns = idents(READING_COLUMNS);
  return {
    text: `
      create temporary table ${STAGED_READINGS} on commit drop as
      select ${columns}
      from meter_readings
      with no data`,
    values: [],
  };
}

function insertStaged(): Statement {
  const columns = idents(READING_COLUMNS);
  return {
    text: `
      insert into meter_readings (${columns})
      select ${columns}
      from ${STAGED_READINGS}
      order by created_at, id
      on conflict (id) do nothing`,
    values: [],
  };
}

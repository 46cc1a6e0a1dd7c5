import { DatabaseFailure } from '../../../src/postgres/errors.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { SQLSTATE } from '../../../src/postgres/sqlstate.js';

/**
 * Makes sure that a server knows a time zone: else every single reading would be refused for it.
 * @throws DatabaseFailure `config` - the server's list of zones lacks it
 */
export async function checkZone(session: Session, zone: string): Promise<void> {
  try {
    await run(session, { text: 'select now() at time zone $1::text', values: [zone] });
  } catch (error) {
    if (!(error instanceof DatabaseFailure) || error.sqlstate !== SQLSTATE.invalidParameter) throw error;
    const message =
      `${session.side} database: its server does not know the time zone ${zone}; ` +
      'wanted: METER_SYNC_READINGS_TIME_ZONE as its view pg_timezone_names has it';
    throw new DatabaseFailure('config', message, { side: session.side, sqlstate: SQLSTATE.invalidParameter });
  }
}

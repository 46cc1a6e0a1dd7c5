import type { Side } from '../../../src/model/failures.js';
import { openCrew } from './crew.js';
import { createDatabases } from './databases.js';
import type { Point } from './faults.js';
import type { Lab } from './lab.js';
import { PLAIN } from './flavour.js';
import { toOrder } from './run.js';
import type { Moment } from './wire-proxy.js';
import { insertReadings, plantConflict } from './writers.js';

const SIDES = ['local', 'remote'] as const;

/**
 * Drains a queue twice without a fault and notes every statement that passes: first good readings alone, then with some
 * that need the careful path. So the lab knows the protocol's boundaries as the engine has them today.
 */
export async function rehearse(lab: Lab): Promise<Point[]> {
  const databases = await createDatabases(lab.servers, 'rehearsal');
  const seen: Record<Side, Map<string, boolean>> = { local: new Map(), remote: new Map() };
  const listen = (isCareful: boolean): void => {
    for (const side of SIDES) {
      lab.proxies[side].onStatement = (name) => void (seen[side].has(name) || seen[side].set(name, isCareful));
    }
  };
  const drain = async (): Promise<void> => {
    const crew = await openCrew(lab.workers, toOrder(lab, databases, { batchRows: 100, faults: [], flavour: PLAIN }));
    if (!(await crew.drained())) throw new Error(`the rehearsal did not end: ${crew.lastFailure() ?? 'no failure'}`);
  };
  listen(false);
  await databases.local.sql(insertReadings('good'), [300]);
  await drain();
  listen(true);
  await databases.local.sql(insertReadings('good'), [100]);
  for (const kind of ['tooLarge', 'ofUnknownMeter'] as const) await databases.local.sql(insertReadings(kind), [2]);
  await plantConflict(databases);
  await drain();
  for (const side of SIDES) lab.proxies[side].onStatement = null;
  await Promise.all(SIDES.map((side) => databases[side].drop()));
  return SIDES.flatMap((side) => [...seen[side]].flatMap(([name, isCareful]) => toPoints(side, name, isCareful)));
}

function toPoints(side: Side, statement: string, isCareful: boolean): Point[] {
  const moments: Moment[] = ['before', 'answerLost', 'after'];
  if (statement.startsWith('copy ')) moments.push('inStream', 'inStream'); // twice: the places within are many
  return moments.map((moment) => ({ side, statement, moment, isCareful }));
}

import type { ServerWait } from '../src/model/silence.js';
import type { Database } from '../src/postgres/session.js';
import type { Attempt } from './attempt.js';
import type { SiteDatabases } from './dependencies.js';

/** The waits of an attempt for its servers: in its log when they begin to be long and when they end, and in its heartbeats. */
export interface ToldWaits {
  readonly onWait: NonNullable<Database['onWait']>;
  /** Those that last. */
  now(): readonly ServerWait[];
}

/** @param beat tells Temporal at once: what waits is not to wait for the next heartbeat */
export function tellWaits(log: Attempt['log'], beat: () => void): ToldWaits {
  const waits = new Map<object, ServerWait>();
  const onWait: ToldWaits['onWait'] = (connection, wait) => {
    const before = waits.get(connection);
    if (wait === null) waits.delete(connection);
    else waits.set(connection, wait);
    if (before === undefined && wait !== null) log.warn('waiting for a database', { ...wait });
    if (before !== undefined && wait === null) log.info('no longer waiting for a database', { ...before });
    beat();
  };
  return { onWait, now: () => [...waits.values()] };
}

/** A site whose databases tell their waits. */
export function watched(site: SiteDatabases, onWait: ToldWaits['onWait']): SiteDatabases {
  return { ...site, local: { ...site.local, onWait }, remote: { ...site.remote, onWait } };
}

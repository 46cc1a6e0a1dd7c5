import type { Side } from '../../src/model/failures.js';
import { ident } from '../../src/postgres/identifier.js';

/**
 * What the worker does with each table of the schema, and so the least that its user needs. A record of custody is never changed
 * and never deleted by us: without these rights, nobody who only has the worker's password can do it either.
 */
const RIGHTS: Readonly<Record<Side, Readonly<Record<string, string>>>> = {
  local: {
    migrations: 'select',
    upload_state: 'select, insert, delete',
    upload_claim: 'select, insert, update, delete',
    site_key: 'select, insert',
    day_state: 'select, insert, delete',
    quarantine: 'select, insert, update, delete',
    delivered_batch: 'select, insert, delete',
    delivered_columns: 'select, insert',
    lost_at_remote: 'select, insert, update',
    kept_reading: 'select, insert, delete',
    download_table: 'select, insert, update',
    download_row: 'select, insert, update, delete',
    download_hold: 'select, insert, update, delete',
    download_run: 'select, insert, update, delete',
    download_change: 'select, insert, delete',
  },
  remote: {
    migrations: 'select',
    custody: 'select, insert',
    custody_columns: 'select, insert',
    custody_key: 'select, insert',
    custody_seal: 'select, insert',
  },
};

/** The grants for the user whom a worker connects as, where an administrator owns the schema. */
export function grantText(side: Side, user: string): string {
  const tables = Object.entries(RIGHTS[side]);
  return [
    `grant usage on schema meter_sync to ${ident(user)};`,
    ...tables.map(([table, rights]) => `grant ${rights} on meter_sync.${table} to ${ident(user)};`),
    ...(side === 'remote' ? [PRUNING] : []),
  ].join('\n');
}

/** Not among the rights above: whoever holds the worker's password could else remove the proof. */
const PRUNING = `-- Only for the user who is to remove custody records under a seal (meter-sync custody prune), never for a worker:
-- grant select, delete on meter_sync.custody to ...;`;

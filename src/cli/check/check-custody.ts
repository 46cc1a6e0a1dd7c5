import type { CustodyMode, QueueTable } from '../../model/table.js';
import type { ServerIdentity } from './check-server.js';
import type { Findings } from './finding.js';

/** What can no longer be told where the proof of a delivery is reduced. */
const LOST: Readonly<Record<Exclude<CustodyMode, 'full' | 'strong'>, string>> = {
  chain:
    'without day sums nobody can tell later whether a delivered reading was changed, removed or slipped in on the remote',
  off:
    'without custody records a cloned site and a restored backup are not recognised, and nothing proves later what was ' +
    'delivered; still no reading is lost or doubled',
};

/** The first version with a hash of whole rows: day sums are made of it at one end, and made again at the other. */
const OLDEST_WITH_SUMS = 14;

/** Tells how deliveries are proved, and what is lost where the settings or the servers take something away. */
export function checkCustody(
  { custody = 'full' }: QueueTable,
  servers: { readonly local: ServerIdentity; readonly remote: ServerIdentity },
  findings: Findings,
): void {
  if (custody === 'chain' || custody === 'off') {
    const next = 'Set METER_SYNC_CUSTODY to full, where the customer allows it';
    return findings.warning(`METER_SYNC_CUSTODY is ${custody}: ${LOST[custody]}`, next);
  }
  const old = Object.entries(servers).filter(([, { major }]) => major < OLDEST_WITH_SUMS);
  if (old.length === 0) return findings.ok('each delivery is proved by a custody record with day sums');
  const named = old.map(([side, { major }]) => `the ${side} server is PostgreSQL ${major}`).join(', ');
  findings.warning(
    `day sums are off, since they need PostgreSQL ${OLDEST_WITH_SUMS} at both ends (${named}): ${LOST.chain}`,
    `Upgrade to PostgreSQL ${OLDEST_WITH_SUMS} or newer`,
  );
}

import { migrate } from '../../activities/bookkeeping/migrations.js';
import { sealChain } from '../../activities/custody/proof/make-seal.js';
import { openWalk, type WalkStart } from '../../activities/custody/proof/open-walk.js';
import { walkToEnd } from '../../activities/custody/proof/walk-chain.js';
import type { Link } from '../../src/model/chain.js';
import type { Database } from '../../src/postgres/session.js';
import { withTransaction } from '../../src/postgres/transaction.js';
import { publish, type ResultFiles } from '../files.js';
import { describeMachine, type Machine, readMachine } from '../machine.js';
import { count, megabytes, toTable } from '../markdown.js';
import { openDatabase } from '../open-database.js';
import { endProgress, showProgress } from '../progress.js';
import { sql, withServers } from '../servers.js';
import { SITE, writeYear } from './write-year.js';

/** What a year of custody records takes: on the disk, to sign, to verify. */
export interface CustodyResult {
  readonly discipline: 'custody';
  readonly records: number;
  /** With the index, and the tables beside it. */
  readonly bytes: number;
  readonly signMicroseconds: number;
  readonly digestMicroseconds: number;
  readonly wholeSeconds: number;
  /** Of them the client's, on all cores together: what the walk takes where others keep the machine busy. */
  readonly wholeCpuSeconds: number;
  /** Behind the newest of the monthly seals, with the records of the month since. */
  readonly fromSealSeconds: number;
  readonly fromSealCpuSeconds: number;
  readonly sinceSeal: number;
  readonly seals: number;
  /** To make the seal of a month. */
  readonly sealSeconds: number;
  readonly isRight: boolean;
  readonly machine: Machine;
}

/**
 * Writes a year of records, seals it month by month but for the last one, and walks it: whole, and behind the newest seal.
 * @returns whether the walks found what was written, within the targets
 */
export async function benchCustody(records: number, files: ResultFiles): Promise<boolean> {
  return withServers(async (servers) => {
    const [local, remote] = [openDatabase('local', servers.local.url()), openDatabase('remote', servers.remote.url())];
    try {
      await migrate(local);
      await migrate(remote);
      const { key, months, last, ...costs } = await writeYear(local, remote, records);
      const [size] = await sql<{ bytes: string }>(
        servers.remote.url(),
        `select sum(pg_total_relation_size(c.oid))::text as bytes from pg_class c
         where c.relnamespace = 'meter_sync'::regnamespace and c.relname ~ '^custody' and c.relkind = 'r'`,
      );
      const trusted = [key.publicKey];
      showProgress('walking the whole chain');
      const whole = await walk(remote, trusted, 'whole');
      const sealed = months.filter(({ seq }) => seq < last.seq).slice(0, -1);
      const sealSeconds: number[] = [];
      for (const upTo of sealed) {
        showProgress(`sealing up to record ${upTo.seq}`);
        sealSeconds.push(await seal(remote, upTo, [key]));
      }
      const behind = await walk(remote, trusted, 'newest');
      endProgress();
      const result: CustodyResult = {
        ...{ discipline: 'custody', records, bytes: Number(size?.bytes ?? 0), ...costs },
        ...{ wholeSeconds: whole.seconds, wholeCpuSeconds: whole.cpuSeconds },
        ...{ fromSealSeconds: behind.seconds, fromSealCpuSeconds: behind.cpuSeconds, seals: sealed.length },
        sinceSeal: last.seq - (sealed.at(-1)?.seq ?? 0),
        sealSeconds: sealSeconds.at(-1) ?? 0,
        isRight: [whole, behind].every(({ rows, doubts }) => rows === records * 5 && doubts === 0),
        machine: await readMachine(servers),
      };
      return (await publish(result, toCustodyMarkdown(result), files)) && result.isRight;
    } finally {
      await local.pool.end();
      await remote.pool.end();
    }
  });
}

async function walk(
  remote: Database,
  trusted: readonly string[],
  from: WalkStart,
): Promise<{ seconds: number; cpuSeconds: number; rows: number; doubts: number }> {
  const begin = performance.now();
  const cpuBefore = process.cpuUsage();
  const walked = await withTransaction(remote, { isolation: 'repeatable read, read only' }, async (session) => {
    const start = await openWalk(session, SITE, trusted, from);
    return walkToEnd(session, SITE, start);
  });
  const seconds = (performance.now() - begin) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { seconds, cpuSeconds: (user + system) / 1e6, rows: walked.rows, doubts: walked.doubts.length };
}

async function seal(remote: Database, upTo: Link, keys: Parameters<typeof sealChain>[1]['keys']): Promise<number> {
  const begin = performance.now();
  const { signal } = new AbortController();
  await sealChain(remote, { siteId: SITE, upTo, keys, maxDurationMs: Infinity, signal });
  return (performance.now() - begin) / 1_000;
}

/** The result as Markdown. */
export function toCustodyMarkdown(result: CustodyResult): string {
  const seconds = (value: number): string => `${value.toFixed(1)} s`;
  return [
    `### ${count(result.records)} custody records of 120 columns`,
    '',
    toTable([
      ['', ''],
      ['size on the remote, indexes included', megabytes(result.bytes)],
      ['to compute the digest of a record', `${result.digestMicroseconds.toFixed(1)} µs`],
      ['to sign a record', `${result.signMicroseconds.toFixed(0)} µs`],
      [
        'to walk the whole chain: digests, signatures, sense',
        `${seconds(result.wholeSeconds)}, ${seconds(result.wholeCpuSeconds)} of CPU`,
      ],
      [
        `to walk it behind ${result.seals} monthly seals, ${count(result.sinceSeal)} records since`,
        `${seconds(result.fromSealSeconds)}, ${seconds(result.fromSealCpuSeconds)} of CPU`,
      ],
      ['to make the seal of a month', seconds(result.sealSeconds)],
      ['found what was written', result.isRight ? 'yes' : 'NO'],
    ]),
    '',
    describeMachine(result.machine),
    '',
  ].join('\n');
}

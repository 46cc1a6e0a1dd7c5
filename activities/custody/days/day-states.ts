import { UnsettledBatch } from '../../../src/model/upload-counts.js';
import { literal } from '../../../src/postgres/identifier.js';
import { type Database, run, type Session } from '../../../src/postgres/session.js';
import { plain } from '../../../src/postgres/statement.js';
import { withConnection, withTransaction } from '../../../src/postgres/transaction.js';
import { type DaySum, parseDays } from './day-sums.js';
import type { HashedDays } from './day-hasher.js';
import { LtHash } from './lt-hash.js';

/** Hashes of all readings that a site has delivered of some days; null: not known, so no record can say more of that day. */
type States = ReadonlyMap<string | null, LtHash | null>;

/** What a batch adds: its days as a record says them, and what they come to when that record is committed. */
export interface AddedDays {
  readonly days: readonly DaySum[];
  readonly after: States;
}

/**
 * The hashes of the days that a run delivers to. A record says the digest of what its days have come to, and the site keeps the
 * 2 KB behind it, written before that record is: so it has what the newest record says, whichever way a commit went. Where it
 * has not (another mode has delivered to that day, the site or the remote was restored) nobody knows what the day comes to, and its
 * records prove no more than sums do.
 */
export class DayStates {
  private states = new Map<string | null, LtHash | null>();

  constructor(
    private readonly local: Database,
    private readonly siteId: string,
  ) {}

  /**
   * Adds the digests to the days of a batch, and keeps what is behind them.
   * @param remote a session that sees the site's newest record
   * @throws UnsettledBatch - other readings were streamed than counted
   */
  async add(remote: Session, days: readonly DaySum[], hashed: HashedDays): Promise<AddedDays> {
    checkCounts(days, hashed);
    const after = new Map<string | null, LtHash | null>();
    for (const [day, { hash }] of hashed) {
      const before = await this.stateOf(remote, day);
      after.set(day, before === null ? null : before.with(hash));
    }
    await this.keep(after);
    const digested = days.map((sum) => ({ ...sum, digest: after.get(sum.day)?.toDigest() ?? null }));
    return { days: digested, after };
  }

  /** The record that said so is committed: the next one comes on top of it. */
  settle({ after }: AddedDays): void {
    for (const [day, state] of after) this.states.set(day, state);
  }

  private async stateOf(remote: Session, day: string | null): Promise<LtHash | null> {
    const known = this.states.get(day);
    if (known !== undefined) return known;
    const state = await this.load(remote, day);
    this.states.set(day, state);
    return state;
  }

  private async load(remote: Session, day: string | null): Promise<LtHash | null> {
    const [found] = await run<NewestRow>(remote, plain(selectNewest(this.siteId, day)));
    if (found?.days === null || found === undefined) return found?.has_first === 'false' ? null : LtHash.empty();
    const digest = parseDays(found.days)?.find((sum) => sum.day === day)?.digest;
    if (digest === undefined || digest === null) return null;
    const [row] = await withConnection(this.local, {}, (session) =>
      run<{ state: string }>(session, {
        text: `
          with others as (
            delete from meter_sync.day_state d where d.site = $1::text and d.day = $2::text and d.digest <> decode($3::text, 'hex')
          )
          select encode(d.state, 'hex') as state
          from meter_sync.day_state d
          where d.site = $1::text and d.day = $2::text and d.digest = decode($3::text, 'hex')`,
        values: [this.siteId, day ?? '', digest],
      }),
    );
    return row === undefined ? null : LtHash.fromBytes(Buffer.from(row.state, 'hex'));
  }

  private async keep(states: States): Promise<void> {
    const rows = [...states].flatMap(([day, state]) =>
      state === null
        ? []
        : [
            `(${literal(this.siteId)}, ${literal(day ?? '')}, decode('${state.toDigest()}', 'hex'), decode('${state.toBytes().toString('hex')}', 'hex'))`,
          ],
    );
    if (rows.length === 0) return;
    const text = `insert into meter_sync.day_state (site, day, digest, state) values ${rows.join(', ')} on conflict do nothing`;
    await withTransaction(this.local, { isolation: 'read committed', confirmOnDisk: true }, (session) =>
      run(session, plain(text)),
    );
  }
}

function checkCounts(days: readonly DaySum[], hashed: HashedDays): void {
  const other = days.find(({ day, rows }) => hashed.get(day)?.rows !== rows);
  if (other === undefined && days.length === hashed.size) return;
  const day = other?.day ?? 'another day';
  throw new UnsettledBatch(`the readings of ${day} that were streamed are not those that were counted`);
}

interface NewestRow {
  /** Null: no record names the day. */
  readonly days: string | null;
  /** False when the oldest records are gone, among which one may have named it. */
  readonly has_first: string;
}

/** The newest record that says something of a day. Most often it is one of the last; of a new day all are asked, once. */
function selectNewest(siteId: string, day: string | null): string {
  const site = literal(siteId);
  return `
    select (
        select c.days
        from meter_sync.custody c
        where c.site = ${site}
          and position(${literal(`;${day ?? ''},`)} in ';' || c.days) > 0
        order by c.seq desc
        limit 1
      ) as days,
      coalesce(
        (select c.seq = 1 from meter_sync.custody c where c.site = ${site} order by c.seq limit 1),
        true
      )::text as has_first`;
}

import type { ChainWalk } from '../../../src/model/chain-walk.js';
import { addTotal, type DayTotal, NOTHING } from '../../../src/model/delivered-day.js';
import { run, type Session } from '../../../src/postgres/session.js';
import { openWalk } from '../../custody/proof/open-walk.js';
import { walkToEnd } from '../../custody/proof/walk-chain.js';

/** What other sites delivered into the same table on one day. */
export interface DeliveredByOthers {
  readonly total: DayTotal;
  readonly sites: readonly string[];
  /** Those of `sites` whose key nobody vouches for: anybody who may insert records can make up a site and its key. */
  readonly unvouched: readonly string[];
  /** Sites with records for the day that explain nothing, since their chain is not whole. */
  readonly leftOut: readonly string[];
}

/** The records of other sites in the same table, read when a day needs them. */
export interface OtherSites {
  /** What they say of a day, as the session's snapshot has them. */
  readonly readDay: (session: Session, day: string | null) => Promise<DeliveredByOthers>;
}

/**
 * Meters move from site to site, so a day may only be explained by what all sites delivered. Each other site's chain is walked and
 * judged as this one's own before it may explain a reading: a record of a site that nobody made would else hide a loss.
 * @param keys of other sites, as the caller knows them
 */
export function openOtherSites(siteId: string, keys: ReadonlyMap<string, readonly string[]> = new Map()): OtherSites {
  const walks = new Map<string, ChainWalk>();
  const open = async (session: Session, other: string): Promise<ChainWalk> => {
    const trusted = keys.get(other) ?? (await readKeys(session, other));
    return openWalk(session, other, trusted, 'newest');
  };
  const walkOther = async (session: Session, other: string): Promise<ChainWalk> => {
    const begun = walks.get(other) ?? (await open(session, other));
    const walk = await walkToEnd(session, other, begun);
    walks.set(other, walk);
    return walk;
  };
  return {
    readDay: async (session, day) => {
      let total = NOTHING;
      const [sites, leftOut]: [string[], string[]] = [[], []];
      for (const other of await listOtherSites(session, siteId)) {
        const { days, doubts } = await walkOther(session, other);
        const delivered = days.get(day) ?? NOTHING;
        if (doubts.length > 0) {
          leftOut.push(other);
        } else if (delivered.rows > 0) {
          sites.push(other);
          total = addTotal(total, delivered);
        }
      }
      return { total, sites, unvouched: sites.filter((site) => !keys.has(site)), leftOut };
    },
  };
}

/** What a site says of itself. */
async function readKeys(session: Session, siteId: string): Promise<string[]> {
  const rows = await run<{ key: string }>(session, {
    text: `select encode(k.public_key, 'hex') as key from meter_sync.custody_key k where k.site = $1::text`,
    values: [siteId],
  });
  return rows.map(({ key }) => key);
}

/** Jumps along the primary key: a year of minutes has half a million records of one site. */
async function listOtherSites(session: Session, siteId: string): Promise<string[]> {
  const rows = await run<{ site: string }>(session, {
    text: `
      with recursive sites(site) as (
        (select c.site from meter_sync.custody c order by c.site limit 1)
        union all
        select (select c.site from meter_sync.custody c where c.site > s.site order by c.site limit 1)
        from sites s
        where s.site is not null
      )
      select site
      from sites
      where site <> $1::text`,
    values: [siteId],
  });
  return rows.map(({ site }) => site);
}

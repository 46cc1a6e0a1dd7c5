import type { Status } from '../../model/status.js';
import type { Verdict } from '../../model/verdict.js';
import type { TemporalError } from '../../temporal/errors.js';
import type { SiteHandle } from '../../temporal/site-handle.js';
import type { SiteReport } from '../../temporal/site-report.js';
import type { Context } from '../command.js';
import { connectToSite } from '../connect-to-site.js';

/** What one look at a site has found. */
export type Look =
  | { readonly found: 'site'; readonly report: SiteReport; readonly verdict: Verdict; readonly now: number }
  /** Temporal does not answer, or knows of no such site. */
  | { readonly found: 'nothing'; readonly error: TemporalError; readonly now: number };

/** Looks again and again at one site, and remembers the last status that it gave. */
export interface Looker {
  readonly siteId: string;
  look(): Promise<Look>;
  /** Null: it has given none since the looker began. */
  lastStatus(): Status | null;
  /** A connection that is still being made is closed once it is there. */
  close(): void;
}

/**
 * A looker at the site that the settings name. It connects at its first look, and anew until it can.
 * @throws ConfigProblems
 */
export async function openLooker(context: Context, siteId: string): Promise<Looker> {
  const [{ judgeReport, readSiteReport }, { BadTemporalSettings, TemporalError }] = await Promise.all([
    import('../../temporal/site-report.js'),
    import('../../temporal/errors.js'),
  ]);
  let site: SiteHandle | null = null;
  let lastStatus: Status | null = null;
  let isClosed = false;
  const defer: Context['defer'] = (work) => (isClosed ? void work() : context.defer(work));
  const look = async (): Promise<Look> => {
    try {
      site ??= (await connectToSite({ ...context, defer })).site;
      const report = await readSiteReport(site, 'status');
      if (report.seen !== 'silent') lastStatus = report.status ?? lastStatus;
      const now = Date.now();
      return { found: 'site', report, verdict: judgeReport(siteId, report, now, lastStatus), now };
    } catch (error) {
      if (!(error instanceof TemporalError) || error instanceof BadTemporalSettings) throw error;
      return { found: 'nothing', error, now: Date.now() };
    }
  };
  return { siteId, look, lastStatus: () => lastStatus, close: () => void (isClosed = true) };
}

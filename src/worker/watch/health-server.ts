import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { ListenAddress } from '../../config/define/listen-address.js';
import { nameActor } from '../../model/actor.js';
import { type Finding, isFine } from '../../model/finding.js';
import type { KnownSite } from './known-sites.js';
import { listen } from './listen.js';

/** How far the life of a worker has come. */
export type Stage = 'starting' | 'polling' | 'draining';

/** What the health endpoints look at. Whoever asks waits for nobody: all of it is known already. */
export interface Health {
  readonly stage: () => Stage;
  /** Null: it is reached, or was not yet asked. */
  readonly temporalLostSince: () => string | null;
  readonly sites: (now: number) => readonly KnownSite[];
  /** Keeps secrets out, should one ever come into a message. */
  readonly redact: (text: string) => string;
}

/** A site of which nothing was heard for so long after the start is not known to be fine; a short cycle has passed twice by then. */
const HEARD_WITHIN_MS = 2 * 60_000;

interface Answer {
  readonly status: number;
  readonly body: object;
}

/**
 * Serves the health of a worker: `live` as long as the process turns, `ready` while it takes work, `sites` as their verdicts are.
 * @returns what closes it
 * @throws CannotListen
 */
export async function serveHealth(address: ListenAddress, health: Health): Promise<() => Promise<void>> {
  const startedAt = Date.now();
  const server = createServer((request, response) => answer(request, response, health, startedAt));
  await listen(server, 'METER_SYNC_HEALTH_ADDRESS', address);
  return async () => {
    const closed = new Promise<void>((done) => server.close(() => done()));
    server.closeAllConnections();
    await closed;
  };
}

function answer(request: IncomingMessage, response: ServerResponse, health: Health, startedAt: number): void {
  const { status, body } = toAnswer(request, health, startedAt);
  const safe = (_: string, value: unknown): unknown => (typeof value === 'string' ? health.redact(value) : value);
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  response.end(request.method === 'HEAD' ? undefined : `${JSON.stringify(body, safe, 2)}\n`);
}

function toAnswer({ method, url = '' }: IncomingMessage, health: Health, startedAt: number): Answer {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: { error: 'only GET is answered' } };
  const now = Date.now();
  switch (url.split('?')[0]) {
    case '/health/live':
      return toStatus(true, {});
    case '/health/ready':
      return toReady(health);
    case '/health/sites':
      return toSites(health, now, startedAt);
    default:
      return { status: 404, body: { error: 'try /health/live, /health/ready or /health/sites' } };
  }
}

function toStatus(ok: boolean, more: object): Answer {
  return { status: ok ? 200 : 503, body: { ok, ...more } };
}

function toReady({ stage, temporalLostSince }: Health): Answer {
  const lostSince = temporalLostSince();
  return toStatus(stage() === 'polling' && lostSince === null, { stage: stage(), temporalLostSince: lostSince });
}

function toSites({ sites, temporalLostSince }: Health, now: number, startedAt: number): Answer {
  const isYoung = now - startedAt < HEARD_WITHIN_MS;
  const entries = sites(now).map((site) => ({ ok: isSiteFine(site, isYoung), entry: toEntry(site) }));
  return toStatus(
    entries.every(({ ok }) => ok),
    {
      at: new Date(now).toISOString(),
      temporalLostSince: temporalLostSince(),
      sites: entries.map(({ ok, entry }) => ({ ...entry, ok })),
    },
  );
}

function isSiteFine({ verdict }: KnownSite, isYoung: boolean): boolean {
  return verdict === null ? isYoung : isFine(verdict);
}

/** The verdict and the figures of a site, and from when they are. Unknown is null. */
function toEntry({ siteId, facts, verdict, heardAt }: KnownSite): object {
  const { also, ...finding } = verdict ?? { ...NOTHING_HEARD, next: `meter-sync status --site ${siteId}` };
  return {
    site: siteId,
    ...withActor(finding),
    also: also.map(withActor),
    heardAt,
    observedAt: facts?.observedAt ?? null,
    queueSize: facts?.queueSize ?? null,
    oldestUnsynced: facts?.oldestUnsynced ?? null,
    quarantined: facts?.quarantined ?? null,
    lostAtRemote: facts?.lostAtRemote?.readings ?? null,
    lastSuccessTime: facts?.lastSuccessTime ?? null,
    nextSyncTime: facts?.nextSyncTime ?? null,
  };
}

const NOTHING_HEARD = {
  verdict: null,
  card: null,
  since: null,
  reason: 'nothing was heard of this site: its workflow runs on another worker, or not at all',
  actor: 'operator',
  also: [],
} as const;

function withActor<Told extends Pick<Finding, 'actor'>>(finding: Told): Told & { readonly who: string } {
  return { ...finding, who: nameActor(finding.actor) };
}

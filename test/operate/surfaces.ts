import { runCommandLine } from '../../src/cli/run.js';
import type { Output } from '../../src/cli/output.js';
import { alignTable } from '../../src/cli/output.js';
import { siteHandle } from '../../src/temporal/site-handle.js';
import { judgeReport, readSiteReport } from '../../src/temporal/site-report.js';
import type { SiteMemo } from '../../src/model/memo.js';
import type { Status } from '../../src/model/status.js';
import type { Verdict } from '../../src/model/verdict.js';
import { GET_STATUS_QUERY, SEARCH_ATTRIBUTES, STATUS_MEMO, toWorkflowId } from '../../src/model/wire.js';
import type { WatchedSite, WatchedSites } from './watched-sites.js';

/** A verdict as a surface shows it; null: the surface has no such thing. */
export interface Shown {
  readonly verdict: string | null;
  readonly card?: string | null;
  readonly actor?: string;
}

/** The surfaces that tell a site's verdict to whoever looks again and again, the quickest first. */
export const SURFACES = ['health', 'metrics', 'status', 'getStatus', 'Web UI', 'MeterSyncHealth', 'memo'] as const;
/** One of them. */
export type Surface = (typeof SURFACES)[number];

/** What each surface shows of a site now; one that does not answer is absent. */
export type Seen = Readonly<Partial<Record<Surface, Shown>>>;

/** Looks at all surfaces of these sites. */
export interface Surfaces {
  look(site: WatchedSite, at: readonly Surface[]): Promise<Seen>;
  readonly run: Run;
}

/** Runs a command line about these sites, in this process. */
export type Run = (args: readonly string[]) => Promise<CommandRun>;

/** What a command line came to. */
export interface CommandRun {
  readonly exitCode: number;
  readonly text: string;
  readonly document: Record<string, unknown>;
}

/** The worker's two endpoints tell of all sites at once: one question is enough for those who ask at the same time. */
const SAME_TIME_MS = 100;

export function openSurfaces({ temporal, settings, metricsUrl, healthUrl }: WatchedSites): Surfaces {
  const health = sharing(async () => (await (await fetch(healthUrl)).json()) as HealthDocument);
  const metrics = sharing(async () => (await fetch(metricsUrl)).text());
  const close = (): Promise<void> => Promise.resolve();
  const run: Run = (args) => runHere(args, settings);
  const asked = { client: temporal.client, address: temporal.address, namespace: temporal.namespace, hint: '', close };
  const look: Surfaces['look'] = async ({ siteId }, at) => {
    const handle = temporal.client.workflow.getHandle(toWorkflowId(siteId));
    const describe = sharing(() => handle.describe());
    const ways: Record<Surface, () => Promise<Shown>> = {
      health: async () => toShown((await health()).sites.find(({ site }) => site === siteId)),
      metrics: async () => readMetrics(await metrics(), siteId),
      status: async () =>
        toShown(judgeReport(siteId, await readSiteReport(siteHandle(asked, siteId), 'status'), Date.now())),
      getStatus: async () => toShown((await handle.query<Status>(GET_STATUS_QUERY)).verdict),
      'Web UI': async () => readDetails(await handle.query<Metadata>('__temporal_workflow_metadata')),
      MeterSyncHealth: async () => {
        const [verdict = null] = (await describe()).searchAttributes[SEARCH_ATTRIBUTES.health] ?? [];
        return { verdict: verdict as string | null };
      },
      memo: async () => toShown(((await describe()).memo?.[STATUS_MEMO] as SiteMemo | undefined)?.verdict),
    };
    const seen = at.map(async (surface) => [surface, await ways[surface]().catch(() => null)] as const);
    return Object.fromEntries((await Promise.all(seen)).filter(([, shown]) => shown !== null)) as Seen;
  };
  return { look, run };
}

interface HealthDocument {
  readonly sites: readonly (Shown & { readonly site: string })[];
}

interface Metadata {
  readonly currentDetails?: string;
}

function toShown(told: Shown | undefined): Shown {
  if (told === undefined) throw new Error('it is not told there');
  const { verdict, card, actor } = told;
  return { verdict, ...(card === undefined ? {} : { card }), ...(actor === undefined ? {} : { actor }) };
}

/** The verdict of a `status --json`, whether the site has answered or not. */
export function verdictOf(document: Record<string, unknown>): Verdict | undefined {
  const { verdict, error } = document as { verdict?: Verdict; error?: { verdict?: Verdict } };
  return verdict ?? error?.verdict;
}

function readMetrics(exposition: string, siteId: string): Shown {
  const [, verdict = null] =
    new RegExp(`^meter_sync_verdict\\{site="${siteId}",verdict="(\\w+)"\\} 1$`, 'm').exec(exposition) ?? [];
  return { verdict };
}

function readDetails({ currentDetails = '' }: Metadata): Shown {
  return { verdict: /^\*\*(\w+)\*\*/.exec(currentDetails)?.[1] ?? null };
}

function sharing<T>(ask: () => Promise<T>): () => Promise<T> {
  let last: { readonly at: number; readonly answer: Promise<T> } | null = null;
  return () => {
    if (last === null || Date.now() - last.at > SAME_TIME_MS) last = { at: Date.now(), answer: ask() };
    return last.answer;
  };
}

async function runHere(args: readonly string[], env: Readonly<Record<string, string>>): Promise<CommandRun> {
  let [text, document] = ['', {}];
  const output: Output = {
    isJson: args.includes('--json'),
    document: (value) => void (document = value as object),
    text: (told) => void (text += `${told}\n`),
    note: (line) => void (text += `${line}\n`),
    paint: (_, told) => told,
    table: alignTable,
    fit: (told) => told,
    progress: () => ({ update: () => undefined, end: () => undefined }),
  };
  const exitCode = await runCommandLine(args, env, output);
  return { exitCode, text, document };
}

import type { MemoryResult } from './backlog/memory.js';
import type { PlansResult } from './backlog/plans.js';
import type { CyclesResult } from './cycles/run.js';
import type { CustodyResult } from './custody/custody.js';
import type { DownloadLine, DownloadResult } from './download/result.js';
import { median } from './statistics.js';
import { ratiosOf, ratiosTo, type UploadLine, type UploadResult } from './upload/result.js';

/** What a comparison came to. */
export type Result = UploadResult | DownloadResult | CustodyResult | MemoryResult | PlansResult | CyclesResult;

/** What is wanted of the product, and what was seen. */
export interface Target {
  readonly wanted: string;
  readonly seen: string;
  readonly isMet: boolean;
}

/** The product's targets that a result can tell of; none where it has fewer rows than the target speaks of. */
export function targetsOf(result: Result): Target[] {
  switch (result.discipline) {
    case 'upload':
      return uploadTargets(result);
    case 'download':
      return downloadTargets(result);
    case 'custody':
      return result.records < YEAR_RECORDS ? [] : custodyTargets(result);
    case 'memory':
      return result.rows < BACKLOG
        ? []
        : [atMost('spread of memory while 10M readings drain, MB', result.spreadBytes / 2 ** 20, 50)];
    case 'idle':
      return cycleTargets(result);
    case 'plans':
      return result.rows < BACKLOG ? [] : [atMost('count of a queue of 10M readings, ms', slowestCount(result), 200)];
  }
}

/** One line a target, for people. */
export function toTargetLines(result: Result): string[] {
  return targetsOf(result).map(
    ({ wanted, seen, isMet }) => `* Target ${isMet ? 'met' : 'MISSED'}: ${wanted}; seen: ${seen}.`,
  );
}

const BACKLOG = 10_000_000;
const YEAR_RECORDS = 525_600;
const PRODUCT = 'meter-sync';

/** Rates as a multiple of the pipe without delay. */
const UPLOAD_TARGETS = [
  { shape: 'narrow', rows: 1_000_000, delayMs: 0, ratio: 1.3 },
  { shape: 'narrow', rows: 1_000_000, delayMs: 30, ratio: 0.95 },
  { shape: 'wide', rows: 100_000, delayMs: 0, ratio: 0.9 },
];

function uploadTargets(result: UploadResult): Target[] {
  const { shape, rows, delayMs, lines } = result;
  const find = (name: string): UploadLine | undefined =>
    lines.find((line) => line.name === name && line.delayMs === delayMs);
  const product = find(PRODUCT);
  const target = UPLOAD_TARGETS.find((one) => one.shape === shape && one.delayMs === delayMs);
  if (product === undefined || target === undefined || rows < target.rows) return [];
  const pipe = atLeast(
    'multiple of the rate of the psql pipe without delay',
    median(ratiosOf(product, result)),
    target.ratio,
  );
  if (delayMs > 0 || shape !== 'narrow') return [pipe];
  const others = UPLOAD_RIVALS.flatMap(({ name, ratio }) => {
    const rival = find(name);
    if (rival === undefined) return [];
    return [atLeast(`multiple of the rate of: ${name}`, median(ratiosTo(product, rival)), ratio)];
  });
  return [pipe, ...others];
}

/** Whom the product is measured against beside the pipe, where all is on one machine. */
const UPLOAD_RIVALS = [
  { name: 'two psql pipes at once', ratio: 1 },
  { name: 'seed algorithm', ratio: 7 },
];

function custodyTargets({ bytes, wholeSeconds, fromSealSeconds }: CustodyResult): Target[] {
  return [
    atMost('a year of records, MB', bytes / 1e6, 200),
    atMost('seconds to verify a year of records, whole', wholeSeconds, 60),
    atMost('seconds to verify a year of records, from the newest seal', fromSealSeconds, 5),
  ];
}

const FETCH_ALL = 'fetch all and compare';

/** How many times as fast as to fetch all and compare, of 10,000 rows. */
const DOWNLOAD_TARGETS = [
  { what: 'nothing changed', ratio: 5 },
  { what: '0.1 % changed', ratio: 1.5 },
  { what: 'first fill', ratio: 0.6 },
  { what: 'all changed', ratio: 0.6 },
];
const DOWNLOADED_ROWS = 10_000;

function downloadTargets({ lines, delayMs }: DownloadResult): Target[] {
  if (delayMs > 0) return [];
  const find = (what: string, name: string): DownloadLine | undefined =>
    lines.find((line) => line.rows === DOWNLOADED_ROWS && line.case === what && line.name === name);
  const [unchanged, fetched] = [find('nothing changed', PRODUCT), find('nothing changed', FETCH_ALL)];
  const speeds = DOWNLOAD_TARGETS.flatMap(({ what, ratio }) => {
    const [product, other] = [find(what, PRODUCT), find(what, FETCH_ALL)];
    if (product === undefined || other === undefined) return [];
    return [
      atLeast(`10,000 rows, ${what}: times as fast as fetching all`, secondsOf(other) / secondsOf(product), ratio),
    ];
  });
  return [
    ...(unchanged === undefined
      ? []
      : [atMost('bytes to learn that 10,000 rows are unchanged', unchanged.bytes, 2_048)]),
    ...(unchanged === undefined || fetched === undefined
      ? []
      : [atLeast('times fewer bytes than fetching all 10,000', fetched.bytes / unchanged.bytes, 10)]),
    ...speeds,
  ];
}

function secondsOf({ runs }: DownloadLine): number {
  return median(runs.map(({ seconds }) => seconds));
}

/** A cycle of a fleet shares a warm worker and warm servers: there the sum alone is wanted. */
function cycleTargets({ sites, lines, connectionMs }: CyclesResult): Target[] {
  const beside = ({ cpuMs, connections }: { readonly cpuMs: number; readonly connections: number }): number =>
    cpuMs - connections * connectionMs;
  return lines.flatMap(({ work, local, remote, workerCpuMs, temporalCpuMs, events, actions }) => {
    if (sites > 1) {
      const all = workerCpuMs + temporalCpuMs + local.cpuMs + remote.cpuMs;
      return work === 'idle' ? [atMost('CPU of all for an idle cycle in a fleet, ms', all, 90)] : [];
    }
    if (work !== 'idle') {
      return [
        atMost("5 readings: the site's CPU beside its connections, ms", beside(local), 15),
        atMost("5 readings: the remote's CPU beside its connections, ms", beside(remote), 10),
      ];
    }
    return [
      atMost('idle: connections at the remote', remote.connections, 1),
      atMost('idle: messages to the remote', remote.messages, 4),
      atMost("idle: the remote's CPU beside its connection, ms", beside(remote), 3),
      atMost('idle: messages to the site', local.messages, 15),
      atMost('idle: history events', events, 24),
      atMost('idle: actions', actions, 5),
    ];
  });
}

function slowestCount({ lines }: PlansResult): number {
  return Math.max(...lines.filter(({ pages }) => pages === null).map(({ milliseconds }) => milliseconds));
}

function atLeast(what: string, seen: number, least: number): Target {
  return { wanted: `${what}: at least ${least}`, seen: seen.toFixed(2), isMet: seen >= least };
}

function atMost(what: string, seen: number, most: number): Target {
  return { wanted: `${what}: at most ${most}`, seen: String(Math.round(seen * 10) / 10), isMet: seen <= most };
}

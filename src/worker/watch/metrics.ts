import type { MetricMeter } from '@temporalio/common';
import type { AttemptEvent } from '../../../activities/heard.js';
import { type FailureReport, type Side, wasLetIn } from '../../model/failures.js';
import { isFine, VERDICTS } from '../../model/finding.js';
import type { DownloadResult, UploadReadingsResult } from '../../model/operations.js';
import { OPERATION_OF } from '../../model/state.js';
import type { EndedCycle } from '../../model/told.js';
import type { KnownSite } from './known-sites.js';

/** The metrics of a worker. Docs/operations.md lists them: others rely on their names. */
export interface Metrics {
  hearAttempt(event: AttemptEvent): void;
  hearCycle(cycle: EndedCycle): void;
  /** Shows how the sites stand now. Ages grow by being shown again. */
  show(sites: readonly KnownSite[], isConnected: boolean, now: number): void;
}

/** From a cycle without work to one of hours. */
const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];
/** The buckets of our histograms, for the exporter. */
export const BUCKETS: Record<string, number[]> = {
  meter_sync_cycle_duration_seconds: SECONDS,
  meter_sync_operation_duration_seconds: SECONDS,
  meter_sync_batch_duration_seconds: SECONDS,
};

/** The exporter cannot take a series back: what is not known any more is no number. */
const UNKNOWN = Number.NaN;

/** Metrics on Temporal's own meter, so that one address serves them and those of the SDK. */
export function createMetrics(meter: MetricMeter): Metrics {
  const uploads = createUploadCounters(meter);
  const failures = meter.createCounter(
    'meter_sync_operation_failures',
    undefined,
    'Failed attempts, by kind of failure and by the database that it is about; each attempt counts, at once',
  );
  const changes = meter.createCounter(
    'meter_sync_download_changes',
    undefined,
    'Rows that downloads have changed here',
  );
  const durations = meter.createHistogram(
    'meter_sync_operation_duration_seconds',
    'float',
    undefined,
    'How long attempts took that ended well',
  );
  const cycles = meter.createHistogram('meter_sync_cycle_duration_seconds', 'float', undefined, 'How long cycles took');
  const skipped = meter.createCounter(
    'meter_sync_skipped_ticks',
    undefined,
    'Planned cycles that were missed, since the one before ran too long',
  );
  const gauges = createSiteGauges(meter);
  const countFailure = (site: string, operation: string, { kind, side }: FailureReport): void =>
    failures.add(1, { site, operation, kind, side: side ?? 'none' });
  const hearEnd = (event: Extract<AttemptEvent, { what: 'ended' }>): void => {
    const { siteId: site, activity, result, durationMs } = event;
    const operation = OPERATION_OF[activity] ?? activity;
    durations.record(durationMs / 1_000, { site, operation });
    if (activity !== 'downloadMeters' && activity !== 'downloadTenants') return;
    const download = result as DownloadResult;
    for (const change of ['inserted', 'updated', 'deactivated'] as const) {
      const ofFurther = (download.further ?? []).reduce((sum, table) => sum + table[change], 0);
      changes.add(download[change] + ofFurther, { site, operation, change });
    }
    for (const failure of download.furtherFailures ?? []) countFailure(site, operation, failure);
  };
  return {
    hearAttempt(event) {
      if (event.activity === 'uploadReadings') uploads.hear(event);
      if (event.what === 'ended') hearEnd(event);
      if (event.what === 'failed')
        countFailure(event.siteId, OPERATION_OF[event.activity] ?? event.activity, event.report);
    },
    hearCycle({ siteId: site, kind, durationMs, skippedTicks }) {
      cycles.record(durationMs / 1_000, { site, kind });
      skipped.add(skippedTicks, { site });
    },
    show: gauges,
  };
}

/** Readings and batches of uploads, counted batch by batch, since an upload may go on for half a minute and then fail. */
function createUploadCounters(meter: MetricMeter): { hear: (event: AttemptEvent) => void } {
  const uploaded = meter.createCounter(
    'meter_sync_uploaded_readings',
    undefined,
    'Readings that are on the remote and were removed here',
  );
  const batches = meter.createHistogram(
    'meter_sync_batch_duration_seconds',
    'float',
    undefined,
    'How long batches took',
  );
  const counted = new Map<string, number>();
  /** A run that begins anew within its attempt counts from 0 again. */
  const countUpTo = (site: string, removed: number): void => {
    const before = counted.get(site) ?? 0;
    uploaded.add(removed >= before ? removed - before : removed, { site });
    counted.set(site, removed);
  };
  return {
    hear(event) {
      const { siteId: site } = event;
      if (event.what === 'begun') {
        counted.set(site, 0);
        uploaded.add(0, { site }); // there from the start: a rate needs a first value
      } else if (event.what === 'progress') {
        const { removed, batchMs } = event.progress as { readonly removed: number; readonly batchMs: number };
        countUpTo(site, removed);
        batches.record(batchMs / 1_000, { site });
      } else if (event.what === 'ended') {
        const { removed } = event.result as UploadReadingsResult;
        if (removed > (counted.get(site) ?? 0)) countUpTo(site, removed);
      }
    },
  };
}

/** What is shown of each site; a figure that was never known has no series, and one that has not changed costs nothing. */
function createSiteGauges(meter: MetricMeter): Metrics['show'] {
  const gauge = (name: string, description: string): Gauge => {
    const made = meter.createGauge(`meter_sync_${name}`, 'float', undefined, description);
    const shown = new Map<string, number>();
    return (value, tags) => {
      const series = Object.values(tags).join(' ');
      const before = shown.get(series);
      if ((value === null && before === undefined) || Object.is(before, value ?? UNKNOWN)) return;
      shown.set(series, value ?? UNKNOWN);
      made.set(value ?? UNKNOWN, tags);
    };
  };
  const queue = gauge('queue_readings', 'Readings that wait to be uploaded, those in quarantine not among them');
  const age = gauge('oldest_reading_age_seconds', 'Age of the oldest reading that waits; 0: none waits');
  const observed = gauge('observed_timestamp_seconds', 'When queue and oldest reading were last seen');
  const success = gauge('last_success_timestamp_seconds', 'When a cycle last ended well');
  const quarantined = gauge('quarantined_readings', 'Readings that the remote refuses, kept at the site');
  const lost = gauge('lost_at_remote_readings', 'Delivered readings that the remote has no more');
  const chain = gauge('chain_sequence', "Number of the newest record in the site's custody chain");
  const clocks = gauge('clock_difference_seconds', 'By how much the clocks of the two databases differ');
  const breaker = gauge('breaker_open', '1: a database does not answer, and no cycle runs until it does');
  const connected = gauge('database_connected', '1: that database answered when it was last asked');
  const held = gauge('held_downloads', 'Downloads that wait for a decision');
  const verdicts = gauge('verdict', '1 for the verdict that holds; docs/troubleshooting.md has a card for each');
  const temporal = gauge('temporal_connected', '1: this worker reaches Temporal');
  return (sites, isConnected, now) => {
    temporal(toNumber(isConnected), {});
    for (const known of sites) {
      const { siteId: site, facts, verdict } = known;
      const at = { site };
      queue(toQueue(known), at);
      age(toAge(known, now), at);
      observed(toSeconds(facts?.observedAt), at);
      success(toSeconds(facts?.lastSuccessTime), at);
      quarantined(facts?.quarantined ?? null, at);
      lost(facts?.observedAt ? (facts.lostAtRemote?.readings ?? 0) : null, at);
      chain(facts?.chainHead?.seq ?? null, at);
      const difference = facts?.clockDifferenceMs ?? null;
      clocks(difference === null ? null : Math.abs(difference) / 1_000, at);
      breaker(facts === null ? null : toNumber(facts.breaker !== null), at);
      connected(toNumber(isConnectedTo('local', known)), { site, side: 'local' });
      connected(toNumber(isConnectedTo('remote', known)), { site, side: 'remote' });
      held(facts === null ? null : countHolds(facts), at);
      for (const name of VERDICTS)
        verdicts(verdict === null ? null : toNumber(verdict.verdict === name), { site, verdict: name });
    }
  };
}

type Gauge = (value: number | null, tags: Record<string, string>) => void;
type Facts = NonNullable<KnownSite['facts']>;

/** That nothing waited before the trouble began says nothing of now. */
function toQueue({ facts, verdict }: KnownSite): number | null {
  if (facts === null || facts.queueSize !== 0 || verdict === null || isFine(verdict)) return facts?.queueSize ?? null;
  const { since } = verdict;
  return since !== null && facts.observedAt !== null && facts.observedAt > since ? 0 : null;
}

/** A reading of the future has no age; an empty queue has no oldest reading, and is known. */
function toAge(known: KnownSite, now: number): number | null {
  const queueSize = toQueue(known);
  if (queueSize === null || queueSize === 0) return queueSize;
  const oldest = known.facts?.oldestUnsynced ?? null;
  return oldest === null ? null : Math.max(0, (now - Date.parse(oldest)) / 1_000);
}

/** An attempt that failed just now goes before what the status says. */
function isConnectedTo(side: Side, { facts, failing }: KnownSite): boolean | null {
  const failure = failing.find((report) => report.side === side);
  if (failure !== undefined) return wasLetIn(failure);
  return (side === 'local' ? facts?.localDbConnected : facts?.remoteDbConnected) ?? null;
}

function countHolds({ meters, tenants }: Facts): number {
  return [meters, tenants].filter((outcome) => outcome?.error?.held !== undefined).length;
}

function toSeconds(iso: string | null | undefined): number | null {
  return iso === null || iso === undefined ? null : Date.parse(iso) / 1_000;
}

function toNumber(flag: boolean): number;
function toNumber(flag: boolean | null): number | null;
function toNumber(flag: boolean | null): number | null {
  return flag === null ? null : Number(flag);
}

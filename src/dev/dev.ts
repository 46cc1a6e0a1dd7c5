import { run } from '../postgres/session.js';
import { withConnection } from '../postgres/transaction.js';
import { AlreadyRunning } from '../temporal/errors.js';
import { startSite } from '../temporal/start-site.js';
import type { Reporter } from './events.js';
import { loadMeters } from './sample/load-meters.js';
import { loadReadings } from './sample/load-readings.js';
import { type OpenStack, withStack, withWorker } from './open-stack.js';
import type { PivotCounts } from './sample/pivot.js';
import { readReport, SHIPPED_REPORT } from './sample/read-report.js';
import { prepareDatabases } from './stack-site.js';

/** What `meter-sync dev` is given. */
interface DevOptions {
  /** Keeps everything in this folder, to be used again. */
  readonly data?: string | undefined;
  /** Loads this report in place of the shipped one. */
  readonly readings?: string | undefined;
  /** Leaves the sample tables and readings out, those of `readings` too: they need the sample tables. */
  readonly empty?: boolean;
  /** False leaves the worker and the workflow out, so that they can be run apart. */
  readonly worker?: boolean;
  readonly env: NodeJS.ProcessEnv;
  readonly report: Reporter;
  /** Hears once, when all is ready. */
  readonly onReady: (ready: DevReady) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Where everything listens, as `dev --json` prints it. The connection URLs hold passwords, of these servers alone. */
export interface DevReady {
  readonly temporalAddress: string;
  /** Null when the Temporal server is not ours. */
  readonly webUi: string | null;
  readonly local: string;
  readonly remote: string;
  readonly siteId: string;
  readonly taskQueue: string;
}

/**
 * Keeps the stack up until `signal` aborts; then drains the worker and stops everything in order.
 * @throws Error a part could not be started, with the way out; nothing is left running then
 */
export async function runDev(options: DevOptions): Promise<void> {
  const { data, env, report, signal, empty = false, worker = true } = options;
  const siteId = env['METER_SYNC_SITE'] || 'default';
  const tell = (text: string): void => report({ kind: 'note', text });
  report({ kind: 'step', title: 'Starting two PostgreSQL servers and Temporal' });
  await withStack({ data, env, tell, siteId, tables: empty ? 'own' : 'sample', signal }, async (open) => {
    await prepareDatabases(open.databases, siteId, empty ? 'own' : 'sample');
    if (!empty) await fill(open, options);
    if (worker) await withWorker(open, () => startAndWait(open, options));
    else await stayReady(open, options);
  });
}

async function startAndWait(open: OpenStack, options: DevOptions): Promise<void> {
  try {
    await startSite(open.temporal, open.config);
  } catch (error) {
    if (!(error instanceof AlreadyRunning)) throw error;
    options.report({ kind: 'note', text: `${error.message}; it continues` }); // a kept stack holds its workflow
  }
  await stayReady(open, options);
}

async function stayReady({ stack, config }: OpenStack, { signal, onReady }: DevOptions): Promise<void> {
  const { temporalAddress, webUi, local, remote } = stack;
  const { siteId, taskQueue } = config;
  signal.throwIfAborted();
  onReady({ temporalAddress, webUi, local, remote, siteId, taskQueue });
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function fill({ databases }: OpenStack, { readings: file, report }: DevOptions): Promise<void> {
  if (file === undefined && (await holdsReadings(databases))) {
    return report({ kind: 'note', text: 'the databases hold readings already; the sample is not loaded again' });
  }
  const { readings, meters, counts } = await readReport(file ?? SHIPPED_REPORT, (progress) =>
    report({ kind: 'progress', progress }),
  );
  await loadMeters(databases.remote, meters);
  const { loaded, alreadyThere } = await loadReadings(databases.local, readings, (done) =>
    report({ kind: 'progress', progress: { what: 'readings loaded', done, total: readings.length } }),
  );
  const there = alreadyThere > 0 ? `, ${alreadyThere} were there already` : '';
  report({
    kind: 'note',
    text: `${loaded} readings of ${meters.length} meters loaded from ${counts.values} values${there}`,
  });
  for (const text of describeLosses(counts)) report({ kind: 'warning', text });
}

async function holdsReadings({ local, remote }: OpenStack['databases']): Promise<boolean> {
  const found = await Promise.all(
    [local, remote].map((database) =>
      withConnection(database, {}, (session) =>
        run(session, { text: 'select from meter_readings limit 1', values: [] }),
      ),
    ),
  );
  return found.some((rows) => rows.length > 0);
}

/** What of a report did not become a reading, in words; nothing when all did. */
function describeLosses(counts: PivotCounts): string[] {
  const losses: readonly (readonly [number, string])[] = [
    [counts.unreadableLines, 'lines are not of a DEM report and were left out'],
    [counts.unknownChannel, 'values of channels that the sample tables have no column for were left out'],
    [counts.notNumeric, 'values that are no numbers were left out'],
    [counts.superseded, 'values were replaced by a later one of the same meter and time'],
    [counts.repeated, 'values came twice for the same meter and time, and were equal'],
    [counts.dataLosses, 'places are marked as data loss by the report itself'],
    [counts.emptyPoints, 'points have no data in the range of the report'],
    [counts.skippedTime, 'values have a local time that the clock change skips, and were read as if it had not been'],
  ];
  const told = losses.filter(([count]) => count > 0).map(([count, text]) => `${count} ${text}`);
  return counts.isComplete ? told : [...told, 'the report has no last line: it was cut off'];
}

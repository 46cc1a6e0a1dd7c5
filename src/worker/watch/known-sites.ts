import type { AttemptEvent } from '../../../activities/heard.js';
import { recordLook, recordOutcome } from '../../model/cycle.js';
import type { FailureReport } from '../../model/failures.js';
import type { SiteMemo } from '../../model/memo.js';
import { type AbsentWorker, NOTHING_SEEN, type Observation, type PendingActivity } from '../../model/observation.js';
import type { Activities, ProbeResult } from '../../model/operations.js';
import { openState, OPERATION_OF, type OperationResults, type SchedulerState } from '../../model/state.js';
import { type StatusFacts, toFacts } from '../../model/status-facts.js';
import { judge, judgeEnd, judgeSilence, type Verdict } from '../../model/verdict.js';
import type { SiteRecord } from '../../temporal/site-record.js';

/** What this process knows of a site, and when it learnt it. */
export interface KnownSite {
  readonly siteId: string;
  /** As its workflow told it, or else as the attempts here make it out; null: nothing is known that is not too old. */
  readonly facts: StatusFacts | null;
  /** Null: not known, and so never "fine". */
  readonly verdict: Verdict | null;
  /** Failures that Temporal tries again after: the facts do not have them yet. */
  readonly failing: readonly FailureReport[];
  /** Of the facts, ISO 8601 UTC. */
  readonly heardAt: string | null;
}

/** How far a run of a workflow had come. */
export interface Run {
  readonly runId: string;
  readonly historyLength: number;
}

/** All sites of a worker, as far as it hears of them. It asks nobody. */
export interface KnownSites {
  /** A site's workflow, which runs in this process, tells its status. */
  hearStatus(facts: StatusFacts, run: Run): void;
  hearAttempt(event: AttemptEvent): void;
  /** What Temporal says of a site that nothing was heard of; null: it has no workflow. */
  hearRecord(siteId: string, record: SiteRecord | null): void;
  /** The sites of which nothing was heard for longer than they should be silent. */
  listSilent(now: number): readonly string[];
  /** Every site, in the order of the settings, then those that were only heard of. */
  list(now: number, link: AbsentWorker | null): readonly KnownSite[];
}

/** What the workflow says goes before what its attempts make out, unless it has run elsewhere since: it says more. */
const TOLD_ELSEWHERE_MS = 5_000;
/** After so many intervals without an attempt a site may be paused, stopped or gone: without its workflow nobody here can tell. */
const ATTEMPTS_SAY_FOR_INTERVALS = 3;
const AT_LEAST_MS = 60_000;
/** The longest wait between two attempts is half as long. */
const RETRY_COMES_WITHIN_MS = 64_000;
/** Then Temporal is asked. */
const SILENT_AFTER_INTERVALS = 2;
/** A workflow that lives goes on within moments when its time has come: Temporal may have lost it. */
const LATE_AFTER_MS = 5_000;
/** What a task adds to a history that changes nothing else. */
const TASK_EVENTS = 6;

interface Memory {
  readonly siteId: string;
  readonly intervalMs: number;
  told: { readonly facts: StatusFacts; readonly run: Run; readonly at: number } | null;
  /** What Temporal said when it was last asked. */
  record: { readonly record: SiteRecord | null; readonly at: number } | null;
  /** What the attempts here have come to, as a workflow would have taken it. */
  state: SchedulerState | null;
  stateAt: number;
  readonly pending: Map<keyof Activities, PendingActivity>;
}

/** Nothing is known yet but the names of the sites. */
export function createKnownSites(
  sites: readonly { readonly siteId: string; readonly intervalMs: number }[],
  clock: () => number = Date.now,
): KnownSites {
  const memories = new Map(sites.map((site) => [site.siteId, open(site)]));
  const [{ intervalMs } = { intervalMs: AT_LEAST_MS }] = sites;
  const memoryOf = (siteId: string): Memory => {
    const known = memories.get(siteId) ?? open({ siteId, intervalMs });
    memories.set(siteId, known);
    return known;
  };
  return {
    hearStatus: (facts, run) => takeStatus(memoryOf(facts.siteId), { facts, run, at: clock() }),
    hearAttempt: (event) => takeAttempt(memoryOf(event.siteId), event, clock()),
    hearRecord: (siteId, record) => void (memoryOf(siteId).record = { record, at: clock() }),
    listSilent: (now) => [...memories.values()].filter((memory) => isSilent(memory, now)).map(({ siteId }) => siteId),
    list: (now, link) => [...memories.values()].map((memory) => describe(memory, now, link)),
  };
}

function open({ siteId, intervalMs }: { readonly siteId: string; readonly intervalMs: number }): Memory {
  return { siteId, intervalMs, told: null, record: null, state: null, stateAt: 0, pending: new Map() };
}

/** An operation whose outcome has changed has ended, whatever its last attempt here came to. */
function takeStatus(memory: Memory, told: NonNullable<Memory['told']>): void {
  const { facts } = told;
  const before = memory.told?.facts;
  for (const [activity, { lastFailure }] of memory.pending) {
    const operation = OPERATION_OF[activity];
    if (lastFailure === null || operation === null) continue;
    if (facts[operation]?.startedAt !== before?.[operation]?.startedAt) memory.pending.delete(activity);
  }
  memory.told = told;
}

function takeAttempt(memory: Memory, event: AttemptEvent, at: number): void {
  const { pending } = memory;
  const { activity, attempt } = event;
  const before = pending.get(activity);
  if (event.what === 'waits') {
    const progress = { waiting: event.waiting };
    if (before !== undefined) pending.set(activity, { ...before, progress });
  } else if (event.what === 'begun') {
    const since = new Date(at).toISOString();
    pending.set(activity, { ...begun(activity, attempt, since), ...(attempt > 1 ? lastFailureOf(before) : {}) });
  } else if (event.what === 'failed') {
    takeFailure(memory, event, at);
  } else if (event.what === 'ended') {
    pending.delete(activity);
    takeResult(memory, activity, event, at);
  } else if (event.what === 'cut') {
    pending.delete(activity);
  }
}

function begun(name: string, attempt: number, scheduledAt: string): PendingActivity {
  const nothingYet = { lastFailure: null, lastReport: null, taskQueue: null, progress: null };
  return { name, attempt, isStarted: true, scheduledAt, ...nothingYet };
}

function lastFailureOf(before: PendingActivity | undefined): Partial<PendingActivity> {
  return { lastFailure: before?.lastFailure ?? null, lastReport: before?.lastReport ?? null };
}

/** While Temporal tries again the workflow knows nothing of it; a last failure is an outcome. */
function takeFailure(memory: Memory, event: Extract<AttemptEvent, { what: 'failed' }>, at: number): void {
  const { activity, attempt, report, isTriedAgain } = event;
  const now = new Date(at).toISOString();
  const next = { ...begun(activity, attempt + 1, now), isStarted: false };
  memory.pending.set(activity, { ...next, lastFailure: report.message, lastReport: report });
  if (isTriedAgain) return;
  memory.pending.delete(activity);
  takeOutcome(memory, activity, { error: report, durationMs: 0 }, at);
}

function takeResult(
  memory: Memory,
  activity: keyof Activities,
  { result, durationMs }: { readonly result: object; readonly durationMs: number },
  at: number,
): void {
  if (activity === 'probe') moveState(memory, at, (state) => recordLook(state, result as ProbeResult));
  else takeOutcome(memory, activity, { result, durationMs }, at);
}

function takeOutcome(
  memory: Memory,
  activity: keyof Activities,
  { result = null, error = null, durationMs }: Partial<Came> & { readonly durationMs: number },
  at: number,
): void {
  const operation = OPERATION_OF[activity];
  if (operation === null) return;
  const startedAt = new Date(at - durationMs).toISOString();
  const outcome = { ok: error === null, startedAt, durationMs, error };
  moveState(memory, at, (state) =>
    recordOutcome(state, operation, { ...outcome, result: result as OperationResults[typeof operation] | null }),
  );
}

interface Came {
  readonly result: object | null;
  readonly error: FailureReport | null;
}

function moveState(memory: Memory, at: number, move: (state: SchedulerState) => SchedulerState): void {
  const { siteId, intervalMs } = memory;
  const moved = move(memory.state ?? openState({ siteId, intervalMs }, at));
  const ok = moved.upload?.ok !== false && moved.meters?.ok !== false && moved.tenants?.ok !== false;
  const lastSuccessAt = ok ? at : moved.lastSuccessAt;
  memory.state = { ...moved, reachedAt: at, lastCycle: { endedAt: at, ok, error: null }, lastSuccessAt };
  memory.stateAt = at;
}

function describe(memory: Memory, now: number, absentWorker: AbsentWorker | null): KnownSite {
  const { siteId } = memory;
  const pending = [...memory.pending.values()].filter((activity) => isStillHere(activity, now));
  const seen: Observation = { ...NOTHING_SEEN, pending, absentWorker };
  const recorded = readRecord(memory, seen);
  if (recorded !== null) return recorded;
  const known = findFacts(memory, now);
  if (known === null) return { siteId, facts: null, verdict: null, failing: [], heardAt: null };
  const { facts, at } = known;
  const failing = pending.flatMap(({ lastReport }) => lastReport ?? []);
  return { siteId, facts, verdict: judge(facts, now, seen), failing, heardAt: new Date(at).toISOString() };
}

/**
 * What Temporal says of a site goes before what was heard of it earlier: it has ended, its task fails, or it goes on elsewhere, and then
 * its memo tells its verdict. Null: nothing new.
 */
function readRecord({ siteId, told, record: asked, stateAt }: Memory, seen: Observation): KnownSite | null {
  if (asked === null || asked.at < Math.max(told?.at ?? 0, stateAt)) return null;
  const { record } = asked;
  const answer = (verdict: Verdict, memo: SiteMemo | null = null): KnownSite => {
    const facts = memo === null ? null : toMemoFacts(memo);
    return { siteId, facts, verdict, failing: [], heardAt: memo?.at ?? new Date(asked.at).toISOString() };
  };
  if (seen.absentWorker !== null && told === null) return answer(judgeSilence(siteId, seen));
  if (record === null) return answer(judgeAbsentWorkflow(siteId, told?.facts.isRunning === true));
  if (record.failingTask !== null) return answer(judgeSilence(siteId, { ...seen, failingTask: record.failingTask }));
  const { memo, closing } = record;
  const hasGoneOn = told?.run.runId !== record.runId || record.historyLength > told.run.historyLength + TASK_EVENTS;
  if (told !== null && !hasGoneOn) return null;
  if (closing !== null && memo?.verdict.verdict !== 'stopped') return answer(judgeEnd(siteId, closing), memo);
  return memo === null ? null : answer({ ...memo.verdict, also: [] }, memo);
}

/** A workflow that ended long ago is forgotten by Temporal, too. */
function judgeAbsentWorkflow(siteId: string, hasRun: boolean): Verdict {
  const why = hasRun ? "Temporal's data was lost" : 'it was never started, or has ended';
  const reason = `no workflow runs for this site: ${why}; readings wait at the site`;
  const next = `meter-sync start --site ${siteId}`;
  return { verdict: 'stopped', card: 'stopped', since: null, reason, actor: 'operator', next, also: [] };
}

/** The figures of a memo, with what it does not tell left unknown. */
function toMemoFacts(memo: SiteMemo): StatusFacts {
  const { siteId, intervalMs, lostAtRemote: readings, at, queueSize, queueSizeIsEstimate, oldestUnsynced } = memo;
  const { observedAt, quarantined, totalRecordsSynced, lastSuccessTime } = memo;
  const unknown = { batches: 0, firstTime: null, lastTime: null, since: at, days: [] };
  return {
    ...withoutPlan(toFacts(siteId, openState({ siteId, intervalMs }, Date.parse(at)))),
    ...{ queueSize, queueSizeIsEstimate, oldestUnsynced, observedAt, quarantined, totalRecordsSynced, lastSuccessTime },
    lostAtRemote: readings === null ? null : { readings, ...unknown },
  };
}

/** A cycle, a look or a message was due and nothing was heard of it. A site that waits for a person is looked up, too. */
function isSilent({ told, state, stateAt, intervalMs, record, pending }: Memory, now: number): boolean {
  const patienceMs = Math.max(AT_LEAST_MS, SILENT_AFTER_INTERVALS * (told?.facts.intervalMs ?? intervalMs));
  const dueAt = Date.parse(told?.facts.nextSyncTime ?? '') || 0;
  const heardAt = Math.max(told?.at ?? 0, state === null ? 0 : stateAt, dueAt);
  const isDue = told?.facts.isRunning === true && dueAt > 0 && pending.size === 0;
  if (isDue && now - heardAt > LATE_AFTER_MS) return now - (record?.at ?? 0) > LATE_AFTER_MS;
  const isNew = heardAt === 0 && record === null;
  return isNew || now - Math.max(heardAt + patienceMs - AT_LEAST_MS, record?.at ?? 0) >= AT_LEAST_MS;
}

/** A retry that does not come here was taken by another worker. */
function isStillHere({ isStarted, scheduledAt }: PendingActivity, now: number): boolean {
  return isStarted || scheduledAt === null || now - Date.parse(scheduledAt) < RETRY_COMES_WITHIN_MS;
}

function findFacts(memory: Memory, now: number): { readonly facts: StatusFacts; readonly at: number } | null {
  const { told, state, stateAt, siteId, intervalMs, pending } = memory;
  if (told !== null && (state === null || stateAt <= told.at + TOLD_ELSEWHERE_MS)) return told;
  const sayForMs = Math.max(AT_LEAST_MS, ATTEMPTS_SAY_FOR_INTERVALS * intervalMs);
  if (pending.size > 0) return { facts: withoutPlan(toFacts(siteId, state ?? openState({ siteId }, now))), at: now };
  if (state === null || now - stateAt > sayForMs) return null;
  return { facts: withoutPlan(toFacts(siteId, state)), at: stateAt };
}

/** When the next cycle is due, only the workflow knows. */
function withoutPlan(facts: StatusFacts): StatusFacts {
  return { ...facts, nextSyncTime: null, cycleStartedAt: null };
}

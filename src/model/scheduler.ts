import { MAX_CYCLES_PER_RUN } from './run-limit.js';
import type { SchedulerSettings } from './scheduler-settings.js';
import { type SchedulerState, STATE_VERSION } from './state.js';
import { toWorkflowId } from './wire.js';

/** The input of the workflow `syncScheduler`. Everything but the site has a default. */
export interface SyncSchedulerInput extends Partial<SchedulerSettings> {
  readonly siteId: string;
  /** Where the activities run; by default the workflow's own task queue. */
  readonly activityTaskQueue?: string | null;
  /** Continue as new after so many cycles at the latest; by default 60, which is also the most. */
  readonly maxCyclesPerRun?: number;
  /** Carried from the run before by continue-as-new; never given by a client. */
  readonly state?: SchedulerState;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly unit: string;
}

/** A tenth of a second serves tests; a day is the slowest rhythm that still is one. */
const BOUNDS: Readonly<Record<keyof SchedulerSettings | 'maxCyclesPerRun', Bounds>> = {
  intervalMs: { min: 100, max: 86_400_000, unit: 'milliseconds' },
  batchRows: { min: 1, max: 1_000_000, unit: 'readings' },
  maxCyclesPerRun: { min: 1, max: MAX_CYCLES_PER_RUN, unit: 'cycles' },
};

/** A site's id is part of workflow ids and task queues: short, and without blanks. */
const SITE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const INPUT_FIELDS = ['siteId', 'intervalMs', 'batchRows', 'activityTaskQueue', 'maxCyclesPerRun', 'state'];
/** How much of a wrong value a message shows. */
const MAX_SHOWN = 100;
const SETTINGS_FIELDS = ['intervalMs', 'batchRows'];

/** Every problem of a workflow's input in words, none when it is valid. */
export function findInputProblems(input: unknown): string[] {
  if (!isRecord(input)) return [`the input is ${describe(input)}; expected one object with siteId`];
  const problems = [...findUnknownFields(input, INPUT_FIELDS), ...findSettingsProblems(input)];
  if (!isSiteId(input['siteId'])) {
    problems.push(
      `siteId is ${describe(input['siteId'])}; expected 1 to 100 letters, digits, dots, dashes or underscores`,
    );
  }
  const queue = input['activityTaskQueue'];
  if (queue !== undefined && queue !== null && (typeof queue !== 'string' || queue === '')) {
    problems.push(`activityTaskQueue is ${describe(queue)}; expected the name of a task queue`);
  }
  const { state } = input;
  if (state !== undefined && state !== null && (!isRecord(state) || state['version'] !== STATE_VERSION)) {
    problems.push(`state is not of version ${STATE_VERSION}; expected none at all: only continue-as-new gives it`);
  }
  return problems;
}

/**
 * What is wrong with the first run of a workflow for its input, in words. The workflow id is the site's lock, so a scheduler
 * under another id would be a second one beside it; and a state is believed only from a run before, since its shape is not
 * checked.
 */
export function findRunProblems(input: unknown, workflowId: string): string[] {
  if (!isRecord(input)) return [];
  const { siteId, state } = input;
  const problems = [];
  if (isSiteId(siteId) && workflowId !== toWorkflowId(siteId)) {
    problems.push(
      `the workflow id is ${describe(workflowId)}; expected ${toWorkflowId(siteId)}, which is the site's lock`,
    );
  }
  if (state !== undefined && state !== null) {
    problems.push('state is given; expected none: only continue-as-new gives it');
  }
  return problems;
}

/** Every problem of a change of settings in words, none when it may be taken. */
export function findConfigureProblems(change: unknown): string[] {
  if (!isRecord(change)) return [`the change is ${describe(change)}; expected an object such as {"intervalMs": 60000}`];
  const problems = [...findUnknownFields(change, SETTINGS_FIELDS), ...findSettingsProblems(change)];
  if (Object.keys(change).length === 0)
    problems.push(`nothing to change; expected one of ${SETTINGS_FIELDS.join(', ')}`);
  return problems;
}

/** True for a site id that can stand in a workflow id and a task queue. */
export function isSiteId(value: unknown): value is string {
  return typeof value === 'string' && SITE_ID.test(value);
}

function findSettingsProblems(fields: Record<string, unknown>): string[] {
  return Object.entries(BOUNDS).flatMap(([name, { min, max, unit }]) => {
    const value = fields[name];
    if (value === undefined || value === null) return []; // other languages send null for a field that is not given
    const isValid = typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
    return isValid ? [] : [`${name} is ${describe(value)}; expected a whole number of ${unit} from ${min} to ${max}`];
  });
}

function findUnknownFields(fields: Record<string, unknown>, known: readonly string[]): string[] {
  return Object.keys(fields)
    .filter((name) => !known.includes(name))
    .map((name) => `${name} is not known here; known are ${known.join(', ')}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value for a message; the failure that holds it must not be too large to be taken. */
function describe(value: unknown): string {
  const text = value === undefined ? 'missing' : JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}...`;
}

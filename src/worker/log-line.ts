import type { Colors } from 'picocolors/types.js';
import type { LogFacts } from '../../activities/attempt.js';
import type { LogLevel } from '../config/define/site-schema.js';

/** One entry of the log, before it becomes a line. */
export interface LogEntry {
  readonly time: Date;
  readonly level: LogLevel;
  readonly message: string;
  readonly facts: LogFacts;
  /** Applied to every text, before quotes and escapes could make a secret look different. */
  readonly redact: (text: string) => string;
}

/** Facts that Temporal adds to each line. A person finds them in the Web UI, a log store gets them all. */
const FACTS_FOR_MACHINES = new Set([
  ...['sdkComponent', 'runId', 'workflowId', 'workflowRunId', 'workflowType'],
  ...['activityId', 'activityRunId', 'activityType'],
]);
/** An error inside an error inside an error says nothing new. */
const MAX_DEPTH = 6;

/** The entry as one JSON object on one line. The entry's own fields go before facts of the same name. */
export function toJsonLine({ time, level, message, facts, redact }: LogEntry): string {
  return JSON.stringify({
    time: time.toISOString(),
    level,
    message: redact(message),
    ...Object.fromEntries(
      Object.entries(toPlain(facts, redact) as object).map(([name, value]) => [
        ['time', 'level', 'message'].includes(name) ? `${name}_` : name,
        value,
      ]),
    ),
  });
}

/** The entry for a person: time of day, level, message, then the facts that are worth the space. */
export function toPrettyLine({ time, level, message, facts, redact }: LogEntry, colours: Colors): string {
  const paint = { debug: colours.dim, info: colours.cyan, warn: colours.yellow, error: colours.red }[level];
  const shown = Object.entries(facts).filter(([name, value]) => isForPeople(name, value));
  const pairs = shown.map(([name, value]) => `${colours.dim(`${name}=`)}${toText(toPlain(value, redact))}`);
  return [colours.dim(toClock(time)), paint(level.padEnd(5)), redact(message), ...pairs].join(' ');
}

/** A first attempt is nothing to talk of. */
function isForPeople(name: string, value: unknown): boolean {
  return value !== undefined && !FACTS_FOR_MACHINES.has(name) && !(name === 'attempt' && value === 1);
}

/** Local time: it is read beside a wall clock. */
function toClock(time: Date): string {
  const pad = (part: number, length = 2): string => String(part).padStart(length, '0');
  return `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}.${pad(time.getMilliseconds(), 3)}`;
}

function toText(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}

/** A value as JSON can hold it: errors by type, message and cause, without stacks, big integers as text, no loops. */
function toPlain(value: unknown, redact: (text: string) => string, depth = 0): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '...';
  if (value instanceof Date) return value.toISOString();
  const plain = (part: unknown): unknown => toPlain(part, redact, depth + 1);
  if (value instanceof Error) {
    const { name, message, cause } = value;
    return { type: name, message: redact(message), ...(cause === undefined ? {} : { cause: plain(cause) }) };
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') return plain(value.toJSON());
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

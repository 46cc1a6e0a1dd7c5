import { ConfigProblems, toProblemText } from '../config/check/problems.js';
import { FAILURE_RULES, type FailurePlace, isFailureKind, nameDba, nameSite } from '../model/failures.js';
import { isSiteId } from '../model/scheduler.js';
import { TemporalError } from '../temporal/errors.js';
import { UsageError } from './command.js';
import type { Output } from './output.js';

/** An error as programs read it (`{"ok": false, "error": {...}}`) and as people do. */
interface ErrorReport {
  /** 2 for usage and settings, else 1. */
  readonly exitCode: 1 | 2;
  readonly code: string;
  readonly message: string;
  readonly next: string | null;
  /** Facts of the message, for programs. */
  readonly facts: object;
}

/** What any error of a command means to the person who ran it. */
export function toErrorReport(error: unknown): ErrorReport {
  if (error instanceof UsageError) {
    return { exitCode: 2, code: 'usage', message: error.message, next: error.next, facts: {} };
  }
  if (error instanceof ConfigProblems) {
    const { message, next, problems } = error;
    return { exitCode: 2, code: 'settings', message, next, facts: { problems: problems.map(withText) } };
  }
  if (error instanceof TemporalError) {
    const exitCode = error.code === 'temporalSettings' ? 2 : 1;
    return { exitCode, code: error.code, message: error.message, next: error.next, facts: error.facts };
  }
  const message = error instanceof Error ? error.message : String(error);
  const kind = error instanceof Error && 'kind' in error ? error.kind : null;
  const next = error instanceof Error && 'next' in error && typeof error.next === 'string' ? error.next : null;
  if (isFailureKind(kind) && error instanceof Error)
    return {
      exitCode: 1,
      code: kind,
      message,
      next: nameDba(next ?? FAILURE_RULES[kind].next, sideOf(error)),
      facts: {},
    };
  return { exitCode: 1, code: 'unexpected', message, next, facts: {} };
}

/** By its shape: to know the class of it, every short command would load the driver. */
function sideOf(error: object): FailurePlace['side'] {
  return 'place' in error ? ((error.place as FailurePlace | null)?.side ?? null) : null;
}

/** What a command was asked for. */
interface AskedFor {
  readonly isDebug: boolean;
  /** The site that was named; not looked at yet. */
  readonly siteId: string | undefined;
}

/** Prints an error: one document in JSON mode, else what happened and the next command. No stack trace unless asked for. */
export function printError(output: Output, error: unknown, { isDebug, siteId }: AskedFor): number {
  const { exitCode, code, message, facts, ...report } = toErrorReport(error);
  const next = report.next === null ? null : nameSite(report.next, isSiteId(siteId) ? siteId : null);
  if (output.isJson) output.document({ ok: false, error: { code, message, next, ...facts } });
  else {
    output.note(`${output.paint('bad', 'error')}: ${message}`);
    if (next !== null) output.note(`next:  ${next}`);
  }
  if (isDebug && error instanceof Error) output.note(toTrace(error));
  return exitCode;
}

function withText(problem: ConfigProblems['problems'][number]): object {
  return { ...problem, text: toProblemText(problem) };
}

/** The traces of an error and of its causes; the fields of a driver's error stay out, since they may hold row values. */
function toTrace(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${toTrace(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}

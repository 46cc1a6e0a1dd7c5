import { toErrorReport } from '../report-error.js';

/** One line of the doctor. */
export interface CheckFinding {
  readonly level: 'ok' | 'warning' | 'error';
  /** What was looked at: `settings`, `local database`, `remote database`, `tables`, `Temporal`. */
  readonly area: string;
  readonly message: string;
  /** What to do; null when there is nothing. */
  readonly next: string | null;
}

/** The findings of one area, in one place to make them. */
export interface Findings {
  readonly list: readonly CheckFinding[];
  ok(message: string): void;
  warning(message: string, next: string): void;
  error(message: string, next: string): void;
  /** Runs a check; whatever it throws becomes an error of this area, so that the checks after it run all the same. */
  attempt(check: () => Promise<void>): Promise<void>;
}

export function openFindings(area: string): Findings {
  const list: CheckFinding[] = [];
  const add = (level: CheckFinding['level'], message: string, next: string | null): void =>
    void list.push({ level, area, message, next });
  return {
    list,
    ok: (message) => add('ok', message, null),
    warning: (message, next) => add('warning', message, next),
    error: (message, next) => add('error', message, next),
    attempt: async (check) => {
      try {
        await check();
      } catch (error) {
        const { message, next } = toErrorReport(error);
        add('error', message.replace(`${area}: `, ''), next); // the area says it already
      }
    },
  };
}

import { toErrorReport } from '../report-error.js';

/** One line of `check`. */
export interface CheckFinding {
  readonly level: 'ok' | 'warning' | 'error';
  /** What was looked at: `settings`, `local database`, `remote database`, `tables`, `Temporal`, `site`. */
  readonly area: string;
  readonly message: string;
  /** What to do; null when there is nothing. */
  readonly next: string | null;
}

/** This is the check: it does not send the reader to itself. */
const NEXT_IS_CHECK = /(?:^|: |, then run: )meter-sync check(?: --site \S+)?(?=\.?$)/;

/** The findings of one area, in one place to make them. */
export interface Findings {
  readonly list: readonly CheckFinding[];
  ok(message: string): void;
  warning(message: string, next: string): void;
  error(message: string, next: string): void;
  /**
   * Runs a check; whatever it throws becomes an error of this area, so that the checks after it run all the same.
   * @param where added to the message, for errors that do not name their place
   */
  attempt(check: () => Promise<void>, where?: string): Promise<void>;
}

export function openFindings(area: string): Findings {
  const list: CheckFinding[] = [];
  const add = (level: CheckFinding['level'], message: string, next: string | null): void =>
    void list.push({ level, area, message, next: next?.replace(NEXT_IS_CHECK, '') || null });
  return {
    list,
    ok: (message) => add('ok', message, null),
    warning: (message, next) => add('warning', message, next),
    error: (message, next) => add('error', message, next),
    attempt: async (check, where) => {
      try {
        await check();
      } catch (error) {
        const { message, next } = toErrorReport(error);
        const text = message.replace(`${area}: `, ''); // the area says it already
        add('error', where === undefined ? text : `${text} (${where})`, next);
      }
    },
  };
}

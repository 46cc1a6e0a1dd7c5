/** One setting that cannot be used. */
export interface ConfigProblem {
  /** The name of the setting, as the environment knows it. */
  readonly setting: string;
  /** What was found, in quotes; `not set`; for secrets `(set, hidden)`. */
  readonly found: string;
  /** Where it was found: `environment`, `option --site`, or the path of a file; null when it was not set anywhere. */
  readonly where: string | null;
  readonly wanted: string;
}

/** Collects what is wrong, so that one run tells all of it. */
export type Report = (problem: ConfigProblem) => void;

/** The settings cannot be used. All problems at once: one run tells everything that has to be mended. */
export class ConfigProblems extends Error {
  override readonly name = 'ConfigProblems';
  readonly problems: readonly ConfigProblem[];
  /** The command to run once they are mended. */
  readonly next = 'meter-sync check';

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map((problem) => `  ${toProblemText(problem)}`);
    super(
      [`${problems.length === 1 ? 'A setting' : `${problems.length} settings`} cannot be used:`, ...lines].join('\n'),
    );
    this.problems = problems;
  }
}

/** One problem as one line: `POSTGRES_SYNC_PORT is 'abc' (environment); expected a whole number from 1 to 65535`. */
export function toProblemText({ setting, found, where, wanted }: ConfigProblem): string {
  return `${setting} is ${found}${where === null ? '' : ` (${where})`}; expected ${wanted}`;
}

/** Why a file cannot be read, as it follows "which is". */
export function toFileReason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOENT') return 'not there';
  if (code === 'EACCES') return 'not readable for this user';
  if (code === 'EISDIR') return 'a folder';
  return `not readable${typeof code === 'string' ? ` (${code})` : ''}`;
}

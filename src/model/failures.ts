import type { HeldDownload } from './guard.js';

/** What kind of failure stopped an operation. The names cross the wire as `ApplicationFailure.type`. */
export const FAILURE_KINDS = [
  'unreachable',
  'busy',
  'credentials',
  'schema',
  'data',
  'fenced',
  'config',
  'damaged',
  'unexpected',
] as const;
/** One of the kinds; each has its rule in `FAILURE_RULES`. */
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** The type of the failure that ends a workflow whose input is not valid. */
export const INVALID_INPUT = 'InvalidInput';

/** One of the two databases of a site. */
export type Side = 'local' | 'remote';

/** Where a failure happened, as far as it is known. Never a row's values. */
export interface FailurePlace {
  readonly side: Side | null;
  readonly table: string | null;
  readonly column: string | null;
  readonly constraint: string | null;
}

/** A failure as the status, the log and the Web UI show it. */
export interface FailureReport extends FailurePlace {
  readonly kind: FailureKind;
  /** What happened, in one sentence. */
  readonly message: string;
  /** PostgreSQL's own code of the error, where it was PostgreSQL that refused. */
  readonly sqlstate: string | null;
  /** What to do now: who must act, and the next command. */
  readonly next: string;
  /** The download that is held; absent: it failed in another way. */
  readonly held?: HeldDownload;
  /** True: no worker of the site was there to try; absent: one was. */
  readonly workerAway?: true;
}

/** What follows from a kind of failure. */
interface FailureRule {
  /** Attempts of one activity before the cycle records the failure; 1 means that a retry cannot help. */
  readonly maxAttempts: number;
  /** Who must act, and how. */
  readonly next: string;
}

/** The first attempt and five more after 2, 4, 8, 16 and 32 seconds. */
export const CONNECTION_ATTEMPTS = 6;
/** A statement that met a passing state of the server is tried three times. */
const STATEMENT_ATTEMPTS = 3;

/** The rule of each kind. docs/operations.md shows the same table, and a test holds the two together. */
export const FAILURE_RULES: Readonly<Record<FailureKind, FailureRule>> = {
  unreachable: {
    maxAttempts: CONNECTION_ATTEMPTS,
    next: 'The sync continues by itself once the server answers. If it should be up, look at the server and the link: meter-sync check',
  },
  busy: {
    maxAttempts: STATEMENT_ATTEMPTS,
    next: 'The next cycle tries again by itself. If it stays, ask the DBA of that database to look for long transactions and locks: meter-sync check',
  },
  credentials: {
    maxAttempts: 1,
    next: 'Ask the DBA of that database to fix the user, password or grants: meter-sync check',
  },
  schema: {
    maxAttempts: 1,
    next: 'Ask the DBA of that database to fix the table, or correct the settings that name it: meter-sync check',
  },
  data: {
    maxAttempts: 1,
    next: 'Fix the rows that the database refuses, or the constraint that refuses them. They stay where they are until then. After that: meter-sync sync-now --wait',
  },
  fenced: {
    maxAttempts: 1,
    next: 'Nothing is uploaded until someone resolves the fence. This shows what happened and what to do, and asks before it changes anything: meter-sync adopt',
  },
  config: {
    maxAttempts: 1,
    next: 'Correct the settings of the worker and start it again: meter-sync check',
  },
  damaged: {
    maxAttempts: 1,
    next: 'Ask the DBA of that database to copy its files first, and then to rebuild the damaged index (reindex) or to restore the damaged page; pg_amcheck finds them. What does not need them continues: meter-sync check',
  },
  unexpected: {
    maxAttempts: STATEMENT_ATTEMPTS,
    next: "This is most likely a defect of meter-sync. The worker's log has the details; please report them.",
  },
};

/** Commands of ours that mean another site, with a sites file, when none is named. */
const COMMANDS_OF_A_SITE = /meter-sync (?:check|adopt|sync-now|verify|stop)(?! --site)(?![\w-])/g;

/** What to do, with the site in each command that wants one. Null: it is not known, and the commands stay as they are. */
export function nameSite(next: string, siteId: string | null): string {
  return siteId === null ? next : next.replace(COMMANDS_OF_A_SITE, (command) => `${command} --site ${siteId}`);
}

/** Whom to ask: advice about a database is written before its side is known. Null: it stays unknown. */
export function nameDba(next: string, side: Side | null): string {
  if (side === null) return next;
  return next.replaceAll('the DBA of that database', `the DBA of the ${side} database`);
}

/** True when a failure was met within a session: the server has let us in. */
export function wasLetIn({ kind, sqlstate }: Pick<FailureReport, 'kind' | 'sqlstate'>): boolean {
  if (kind === 'unreachable') return false;
  if (sqlstate === null) return kind !== 'credentials' && kind !== 'config'; // password, TLS, a port of something else
  return !/^(28|3D|53300)/.test(sqlstate);
}

/** True when a database does not let us in: then no reading leaves the site either, whichever operation has met it first. */
export function keepsUploadOut(failure: Pick<FailureReport, 'kind' | 'side' | 'sqlstate'> | null): boolean {
  return failure !== null && failure.side !== null && !wasLetIn(failure);
}

/** A status, a history and a run that continues another each hold a message many times, and have limits of their own. */
export const MAX_MESSAGE_LENGTH = 1_000;

/** A message of any length as one that can be kept; the log has all of it. */
export function toShortMessage(message: string, maxLength = MAX_MESSAGE_LENGTH): string {
  return message.length <= maxLength ? message : `${message.slice(0, maxLength - 3)}...`;
}

/** True for the name of a failure kind, as it comes from another process. */
export function isFailureKind(name: unknown): name is FailureKind {
  return typeof name === 'string' && (FAILURE_KINDS as readonly string[]).includes(name);
}

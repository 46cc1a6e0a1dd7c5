import { FAILURE_KINDS } from './failures.js';

/** What the state of a site means to a person, the most urgent first; docs/troubleshooting.md has a card for each. */
export const VERDICTS = [
  'stopped',
  'stuckTask',
  'offline',
  'blocked',
  'paused',
  'stuck',
  'overdue',
  'warning',
  'catchingUp',
  'healthy',
] as const;
/** One of them. */
export type VerdictName = (typeof VERDICTS)[number];

/** Who must act. A DBA is the database administrator of that end. */
export type Actor = 'nobody' | 'operator' | 'localDba' | 'remoteDba' | 'temporalAdministrator';

/** One thing that is to be told of a site. */
export interface Finding {
  readonly verdict: VerdictName;
  /** Its card in docs/troubleshooting.md, see `CARDS`. */
  readonly card: Card;
  /** ISO 8601 UTC; null: not known. */
  readonly since: string | null;
  /** In one line. */
  readonly reason: string;
  readonly actor: Actor;
  /** What to do now, with the next command; null: nothing. */
  readonly next: string | null;
}

/** The keys of all cards: verdicts, kinds of failure, and what else a finding can be about. */
export const CARDS = [
  ...VERDICTS,
  ...FAILURE_KINDS,
  'lost',
  'held',
  'rejected',
  'quarantine',
  'refusedRows',
  'waitingRows',
  'waiting',
  'lag',
  'clocks',
] as const;
/** One of them. */
export type Card = (typeof CARDS)[number];

/** True when readings leave the site, or none wait: an exit code 0. What is beside the readings is a warning. */
export function isFine({ verdict }: Pick<Finding, 'verdict'>): boolean {
  return isWell({ verdict }) || verdict === 'warning';
}

/** True when nothing is to be told: readings leave, and nothing beside them is wrong. */
export function isWell({ verdict }: Pick<Finding, 'verdict'>): boolean {
  return verdict === 'healthy' || verdict === 'catchingUp';
}

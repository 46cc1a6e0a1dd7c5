import type { FailureKind, FailureReport } from './failures.js';
import type { Actor, Finding } from './finding.js';

/** Kinds of failure that the database administrator of that end can end. */
const OF_THE_DATABASE: ReadonlySet<FailureKind> = new Set(['busy', 'credentials', 'schema', 'damaged']);

/** Who must act on a failure. */
export function toActor({ kind, side }: Pick<FailureReport, 'kind' | 'side'>): Actor {
  if (!OF_THE_DATABASE.has(kind) || side === null) return 'operator';
  return side === 'local' ? 'localDba' : 'remoteDba';
}

/** An actor in words. */
export function nameActor(actor: Actor): string {
  return ACTORS[actor];
}

/** What to do, and who is to do it where that is not the reader. Null: nothing. */
export function adviseActor({ actor, next }: Pick<Finding, 'actor' | 'next'>): string | null {
  if (next === null || actor === 'operator' || actor === 'nobody') return next;
  return next.includes('DBA') ? next : `${nameActor(actor)}: ${next}`; // the advice may name them itself
}

const ACTORS: Readonly<Record<Actor, string>> = {
  nobody: 'nobody',
  operator: 'you',
  localDba: "the local database's DBA",
  remoteDba: "the remote database's DBA",
  temporalAdministrator: "Temporal's administrator",
};

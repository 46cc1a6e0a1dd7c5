import type { FailingTask } from '../model/observation.js';
import { adviseFailingTask, adviseWorker } from '../model/observed-findings.js';
import { findSimilarName } from '../model/similar-name.js';
import { SEARCH_ATTRIBUTE_TYPES } from '../model/wire.js';

/** What a caller can tell apart; the names stand in `--json` documents, so a change here is one for the CHANGELOG. */
export type TemporalErrorCode =
  | 'alreadyRunning'
  | 'tableTaken'
  | 'notRunning'
  | 'stillRunning'
  | 'noWorker'
  | 'stuckTask'
  | 'unreachable'
  | 'refused'
  | 'invalidChange'
  | 'searchAttributesMissing'
  | 'temporalSettings';

/** An error of talking to Temporal that a person can act on. `facts` hold what the message says, for programs. */
export abstract class TemporalError extends Error {
  abstract readonly code: TemporalErrorCode;
  abstract readonly facts: Readonly<Record<string, unknown>>;
  /** What to do now: the next command. */
  abstract readonly next: string;
}

/** The site's workflow runs already: its id is the site's lock. */
export class AlreadyRunning extends TemporalError {
  override readonly name = 'AlreadyRunning';
  readonly code = 'alreadyRunning';
  readonly facts;
  readonly next;

  constructor(siteId: string, workflowId: string, since: string | null) {
    super(`Site ${siteId} is running already: workflow ${workflowId}${since === null ? '' : `, since ${since}`}`);
    this.facts = { siteId, workflowId, since };
    this.next = `meter-sync status --site ${siteId}`;
  }
}

/** Another site that runs uploads the same local table: both would send each reading. */
export class TableTaken extends TemporalError {
  override readonly name = 'TableTaken';
  readonly code = 'tableTaken';
  readonly facts;
  readonly next;

  constructor(siteId: string, table: string, by: string) {
    super(`Site ${siteId} was not started: site ${by}, which runs, uploads table ${table} of the same local database`);
    this.facts = { siteId, table, by };
    this.next = `If ${siteId} is a slip of the pen: meter-sync status --site ${by}. If it takes the place of ${by}: meter-sync stop --site ${by} --wait, then start it again`;
  }
}

/** How a workflow came to its end, as Temporal names it: COMPLETED, FAILED, TERMINATED, ... */
export interface Closing {
  /** ISO 8601 UTC. */
  readonly closedAt: string | null;
  readonly how: string;
}

/** The site has no workflow that runs; `closing` is null when none is known at all. */
export class NotRunning extends TemporalError {
  override readonly name = 'NotRunning';
  readonly code = 'notRunning';
  readonly facts;
  readonly next;

  /** @param running sites that run, for whoever has misspelt a name; told where nothing is known of this one */
  constructor(siteId: string, closing: Closing | null, running: readonly string[] = []) {
    const end =
      closing === null
        ? `it was never started, ended so long ago that Temporal has forgotten it, or Temporal's data was lost${toKnownWords(siteId, running)}`
        : toWords(closing);
    super(`Site ${siteId} is not running: ${end}`);
    const known = closing === null ? { running: running.slice(0, MAX_NAMED_SITES) } : {};
    this.facts = { siteId, ...(closing ?? { closedAt: null, how: null }), ...known };
    this.next = `meter-sync start --site ${siteId}`;
  }
}

/** The site was told to stop and has not ended in the time that was given; the signal stands. */
export class StillRunning extends TemporalError {
  override readonly name = 'StillRunning';
  readonly code = 'stillRunning';
  readonly facts;
  readonly next;

  constructor(siteId: string, waitedMs: number) {
    super(
      `Site ${siteId} was told to stop and has not ended within ${waitedMs / 1000} s; the stop stands, and the status says what it waits for`,
    );
    this.facts = { siteId, waitedMs };
    this.next = `meter-sync status --site ${siteId}`;
  }
}

/** Temporal answers, but no worker does, so nothing moves and the workflow cannot be asked. */
export class NoWorker extends TemporalError {
  override readonly name = 'NoWorker';
  readonly code = 'noWorker';
  readonly facts;
  readonly next;
  /** True when one was seen lately and gave no answer: it has gone, or is just being replaced. */
  readonly isSilent: boolean;

  constructor(
    siteId: string,
    taskQueue: string,
    { lastSeenAt }: { readonly lastSeenAt: string | null },
    { isSilent = false, after = '' }: { readonly isSilent?: boolean; readonly after?: string } = {},
  ) {
    const seen =
      lastSeenAt === null
        ? 'none was seen in the last minutes'
        : `the last one was seen at ${lastSeenAt.slice(0, 19).replace('T', ' ')}Z`;
    super(`No worker answers for site ${siteId} on task queue ${taskQueue}: ${seen}${after}`);
    this.isSilent = isSilent;
    this.facts = { siteId, taskQueue, lastSeenAt };
    this.next = adviseWorker(siteId, taskQueue);
  }

  /** The same after a change of settings was sent: Temporal may hand it to the next worker, so it is neither done nor undone. */
  afterChange(): NoWorker {
    const { siteId, taskQueue, lastSeenAt } = this.facts;
    const after = '. The change may still take effect when one is back: give it again then';
    return new NoWorker(siteId, taskQueue, { lastSeenAt }, { isSilent: this.isSilent, after });
  }
}

/** A worker answers, and the workflow's own code fails there again and again: nothing moves and the workflow cannot be asked. */
export class StuckTask extends TemporalError {
  override readonly name = 'StuckTask';
  readonly code = 'stuckTask';
  readonly facts;
  readonly next;

  constructor(siteId: string, task: FailingTask) {
    const why = task.message === null ? '' : `: ${task.message}`;
    super(`The workflow of site ${siteId} cannot be asked: its task fails, attempt ${task.attempt}${why}`);
    this.facts = { siteId, ...task };
    this.next = adviseFailingTask(siteId);
  }
}

/** Temporal does not answer. */
export class Unreachable extends TemporalError {
  override readonly name = 'Unreachable';
  readonly code = 'unreachable';
  readonly facts;
  readonly next =
    'Look at TEMPORAL_ADDRESS (or --address) and at the server, then run: meter-sync check. For a server to try things out: meter-sync dev';

  /** True when the call's own time was up: then it may be a worker that did not answer, and not Temporal. */
  readonly isTimeout: boolean;

  constructor(address: string, reason: string, isTimeout = false) {
    super(`Temporal does not answer at ${address}: ${reason}`);
    this.facts = { address };
    this.isTimeout = isTimeout;
  }
}

/** Temporal answers and refuses: no such namespace, no rights, a request it does not take. */
export class Refused extends TemporalError {
  override readonly name = 'Refused';
  readonly code = 'refused';
  readonly facts;
  readonly next =
    'Look at TEMPORAL_NAMESPACE and at the credentials (TEMPORAL_API_KEY, TEMPORAL_TLS_*): meter-sync check';

  constructor(address: string, namespace: string, reason: string) {
    super(`Temporal at ${address} refuses (namespace ${namespace}): ${reason}`);
    this.facts = { address, namespace };
  }
}

/** The workflow refused a change of settings, or a decision; everything stays as it was. */
export class InvalidChange extends TemporalError {
  override readonly name = 'InvalidChange';
  readonly code = 'invalidChange';
  readonly facts;
  readonly next;

  constructor(change: object, reason: string, next: string) {
    super(`The change was refused: ${reason}`);
    this.next = next;
    this.facts = { change };
  }
}

/** Search attributes that lists of sites use are not there. Nothing else needs them: this is a warning, and is never thrown. */
export class SearchAttributesMissing extends TemporalError {
  override readonly name = 'SearchAttributesMissing';
  readonly code = 'searchAttributesMissing';
  readonly facts;
  readonly next;

  constructor(namespace: string, missing: readonly string[], reason: string, next?: string) {
    super(
      `Search attributes are missing in namespace ${namespace}: ${missing.join(', ')}; ${reason}. The sync works without them; sites cannot be listed by them`,
    );
    this.facts = { namespace, missing };
    this.next = next ?? missing.map((name) => toCreateCommand(namespace, name)).join(' && ');
  }
}

/** `TEMPORAL_*` settings, or the file they name, cannot be used. */
export class BadTemporalSettings extends TemporalError {
  override readonly name = 'BadTemporalSettings';
  readonly code = 'temporalSettings';
  readonly facts = {};
  readonly next = 'meter-sync check';

  constructor(reason: string) {
    super(`The settings TEMPORAL_* cannot be used: ${reason}`);
  }
}

/** The command by which an administrator of the namespace registers a search attribute. */
function toCreateCommand(namespace: string, name: string): string {
  const type = SEARCH_ATTRIBUTE_TYPES[name] ?? 'Keyword';
  return `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type ${type}`;
}

/** The same for Temporal Cloud, which has no operator service that a client could ask: for all of them, since none can be listed. */
export function toCloudCommand(namespace: string): string {
  const all = Object.entries(SEARCH_ATTRIBUTE_TYPES).map(([name, type]) => ` --search-attribute "${name}=${type}"`);
  return `tcld namespace search-attributes add --namespace ${namespace}${all.join('')}`;
}

/** More would fill a screen and help nobody. */
const MAX_NAMED_SITES = 10;

function toKnownWords(siteId: string, running: readonly string[]): string {
  const similar = findSimilarName(siteId, running);
  const named = running.slice(0, MAX_NAMED_SITES).join(', ');
  const more = running.length > MAX_NAMED_SITES ? ` and ${running.length - MAX_NAMED_SITES} more` : '';
  return `${named === '' ? '' : `. Sites that run: ${named}${more}`}${similar === null ? '' : `; did you mean ${similar}?`}`;
}

function toWords({ closedAt, how }: Closing): string {
  const words = how === 'COMPLETED' ? 'it was stopped' : `its workflow ended as ${how}`;
  return closedAt === null ? words : `${words} at ${closedAt}`;
}

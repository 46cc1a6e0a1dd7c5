import type { NoWorker } from '../temporal/errors.js';
import type { Answer, Context } from './command.js';
import { findMissingWorker, connectToSite, type ConnectedSite } from './connect-to-site.js';

/** One signal to a site's workflow: what it is called there, and what the site does then. */
interface SignalCommand {
  readonly signal: 'stop' | 'pause' | 'resume' | 'syncNow' | 'moveTo';
  /** What is sent with it, as that signal takes it; absent: nothing. */
  readonly argument?: object;
  /** The end of a sentence that begins with the site: `ends with its running cycle`. */
  readonly does: string;
  /** The command to run after it, if one belongs to it. */
  readonly next?: (siteId: string) => string;
}

/**
 * Sends a signal; Temporal takes it whether a worker is there or not, and the answer says when none is.
 * @throws NotRunning, Unreachable, Refused, ConfigProblems
 */
export async function sendSignal(context: Context, command: SignalCommand): Promise<Answer> {
  return signalTo(await connectToSite(context), command);
}

/** The same for a site that is open already. */
export async function signalTo(opened: ConnectedSite, command: SignalCommand): Promise<Answer> {
  const { site } = opened;
  const { signal, argument } = command;
  const send = site as Readonly<Record<SignalCommand['signal'], (argument?: object) => Promise<void>>>;
  await send[signal](argument);
  const missingWorker = await findMissingWorker(opened);
  return {
    document: {
      ok: true,
      siteId: site.siteId,
      workflowId: site.workflowId,
      signal,
      workerPolling: missingWorker === null,
    },
    text: toText(site.siteId, command, missingWorker),
  };
}

function toText(siteId: string, { signal, does, next }: SignalCommand, missingWorker: NoWorker | null): string {
  if (missingWorker !== null) {
    return (
      `Temporal keeps the ${signal} for site ${siteId}. It takes effect when a worker is back; then the site ${does}.\n` +
      `${missingWorker.message}\nnext: ${missingWorker.next}`
    );
  }
  return `Site ${siteId} ${does}${next === undefined ? '' : `\nnext: ${next(siteId)}`}`;
}

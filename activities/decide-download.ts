import type { HeldDownload } from '../src/model/guard.js';
import type { DecideDownloadInput } from '../src/model/operations.js';
import { asCurrentAttempt } from './current-attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { noteDecision } from './download/guard/note-decision.js';
import { translateErrors } from './failures.js';
import { watched } from './told-waits.js';

/**
 * Notes a person's decision on a held download at the site; the next cycle acts on it. Safe to repeat.
 * @throws ApplicationFailure `config` (not retried) - nothing is held, or other changes than those that were looked at
 * @throws ApplicationFailure `unreachable`, `busy` (retried)
 */
export function decideDownload(
  dependencies: ActivityDependencies,
): (input: DecideDownloadInput) => Promise<HeldDownload> {
  return ({ siteId, ...decision }) =>
    translateErrors(siteId, () => {
      const site = dependencies.site(siteId);
      return asCurrentAttempt(dependencies, (attempt, onWait) =>
        noteDecision(watched(site, onWait).local, siteId, decision, attempt),
      );
    });
}

import type { ProbeInput, ProbeResult } from '../src/model/operations.js';
import { asCurrentAttempt } from './current-attempt.js';
import type { ActivityDependencies } from './dependencies.js';
import { translateErrors } from './failures.js';
import { watched } from './told-waits.js';
import { probeLocal, probeRemote } from './probe/probe-side.js';

/**
 * Looks at both databases of a site at the same moment, and at nothing for long. A database that does not answer is an
 * answer; a figure that cannot be had is null, and the log says why.
 * @throws ApplicationFailure `config` (not retried) - this worker does not serve the site
 */
export function probe(dependencies: ActivityDependencies): (input: ProbeInput) => Promise<ProbeResult> {
  return (input) =>
    translateErrors(input.siteId, () => {
      const site = dependencies.site(input.siteId);
      return asCurrentAttempt(dependencies, async (attempt, onWait) => {
        const { local, remote, tables } = watched(site, onWait);
        const [here, there] = await Promise.all([
          probeLocal(local, { siteId: input.siteId, tables }, attempt),
          probeRemote(remote, tables, attempt),
        ]);
        return { ...here, ...there, observedAt: new Date().toISOString() };
      });
    });
}

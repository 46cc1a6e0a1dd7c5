import type { SiteConfig } from '../../config/read/read-site.js';
import { callTemporal } from '../../temporal/call.js';
import { connectTemporal, type TemporalClient } from '../../temporal/connection.js';
import { toCloudCommand } from '../../temporal/errors.js';
import { readSearchAttributes } from '../../temporal/search-attributes.js';
import { checkRunning } from './check-running.js';
import type { Findings } from './finding.js';

/** Looks at Temporal: reachable, namespace, search attributes; and through it at the site's workflow and its workers. */
export async function checkTemporal(config: SiteConfig, findings: Findings, site: Findings): Promise<void> {
  await findings.attempt(async () => {
    const temporal = await connectTemporal(config.temporal);
    try {
      await checkAll(temporal, config, { findings, site });
    } finally {
      await temporal.close();
    }
  });
}

async function checkAll(
  temporal: TemporalClient,
  config: SiteConfig,
  { findings, site }: { readonly findings: Findings; readonly site: Findings },
): Promise<void> {
  const { client, address, namespace } = temporal;
  const info = await callTemporal(temporal, () => client.workflowService.getSystemInfo({}));
  findings.ok(`Temporal ${info.serverVersion ?? ''} answers at ${address}`);
  let isThere = false;
  await findings.attempt(async () => {
    await callTemporal(temporal, () => client.workflowService.describeNamespace({ namespace }));
    isThere = true;
    findings.ok(`namespace ${namespace} is there`);
  });
  if (!isThere) return; // the rest would say the same once more
  await findings.attempt(() => checkSearchAttributes(temporal, findings));
  await findings.attempt(() => checkRunning(temporal, config, site));
}

async function checkSearchAttributes({ client, namespace }: TemporalClient, findings: Findings): Promise<void> {
  const { present, problem } = await readSearchAttributes(client.connection, namespace);
  if (problem !== null)
    findings.warning(problem.message, `The worker and start register them where they may; else: ${problem.next}`);
  else if (present === null)
    findings.ok(
      `the search attributes cannot be listed here; a site starts with those that are there. On Temporal Cloud: ${toCloudCommand(namespace)}`,
    );
  else findings.ok('the search attributes are registered');
}

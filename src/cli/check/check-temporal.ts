import type { SiteConfig } from '../../config/read/read-site.js';
import { callTemporal } from '../../temporal/call.js';
import { connectTemporal, type TemporalClient } from '../../temporal/connection.js';
import { toCloudCommand } from '../../temporal/errors.js';
import { readSearchAttributes } from '../../temporal/search-attributes.js';
import { readSiteRecord } from '../../temporal/site-record.js';
import { isPolled, readPollers } from '../../temporal/task-queue.js';
import type { Findings } from './finding.js';

/** Looks at Temporal: reachable, namespace, search attributes, a worker that polls, the site's workflow. */
export async function checkTemporal(config: SiteConfig, findings: Findings): Promise<void> {
  await findings.attempt(async () => {
    const temporal = await connectTemporal(config.temporal);
    try {
      await checkAll(temporal, config, findings);
    } finally {
      await temporal.close();
    }
  });
}

async function checkAll(temporal: TemporalClient, config: SiteConfig, findings: Findings): Promise<void> {
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
  await findings.attempt(() => checkWorker(temporal, config, findings));
  await findings.attempt(() => checkWorkflow(temporal, config, findings));
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

async function checkWorker(temporal: TemporalClient, config: SiteConfig, findings: Findings): Promise<void> {
  const { siteId, taskQueue, activityTaskQueue } = config;
  for (const [queue, kind] of [
    [taskQueue, 'workflows'],
    [activityTaskQueue, 'activities'],
  ] as const) {
    const pollers = await readPollers(temporal, queue, { kind });
    if (isPolled(pollers, Date.now())) findings.ok(`a worker polls ${queue} for ${kind}`);
    else findings.warning(`no worker polls ${queue} for ${kind}`, `meter-sync worker --site ${siteId}`);
  }
}

async function checkWorkflow(temporal: TemporalClient, { siteId }: SiteConfig, findings: Findings): Promise<void> {
  const record = await readSiteRecord(temporal, siteId);
  if (record !== null && record.closing === null)
    findings.ok(`the sync of site ${siteId} runs, since ${record.startedAt}`);
  else findings.warning(`the sync of site ${siteId} does not run`, `meter-sync start --site ${siteId}`);
}

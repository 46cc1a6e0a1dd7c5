import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** Builds the workflows of the sources into one file: 2 s once, not for every worker of every test. */
export async function buildBundle(folder: string): Promise<string> {
  const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  const bundlePath = join(folder, 'workflow-bundle.js');
  await writeFile(bundlePath, code);
  return bundlePath;
}

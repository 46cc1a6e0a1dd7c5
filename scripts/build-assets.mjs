// Completes a build: what the compiler leaves out (SQL, sample data), and the workflows as one file, so that an installed
// package starts its worker without building anything.
import { cpSync, existsSync, readdirSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

for (const folder of ['src', 'activities', 'workflows']) copyAssets(folder);

const entry = join(dist, 'workflows', 'index.js');
if (existsSync(entry)) await bundleWorkflows(entry, join(dist, 'workflow-bundle.js'));

const program = join(dist, 'src', 'cli', 'main.js');
if (existsSync(program)) chmodSync(program, 0o755); // npm does so on installation; here it is for the checkout itself

function copyAssets(folder) {
  for (const name of readdirSync(join(root, folder), { recursive: true })) {
    const from = join(root, folder, name);
    if (!name.endsWith('.ts') && statSync(from).isFile()) cpSync(from, join(dist, folder, name));
  }
}

async function bundleWorkflows(workflowsPath, bundlePath) {
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const workflowInterceptorModules = [join(dist, 'workflows', 'refuse-lone-events.js')];
  const logger = new DefaultLogger('WARN');
  const { code } = await bundleWorkflowCode({ workflowsPath, workflowInterceptorModules, logger });
  writeFileSync(bundlePath, code);
}

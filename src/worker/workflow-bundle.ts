import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker';

/** Written by the build beside the compiled sources. */
const BUILT_BUNDLE = new URL('../../workflow-bundle.js', import.meta.url);
const WORKFLOW_SOURCES = new URL('../../workflows/index.ts', import.meta.url);
const INTERCEPTOR = new URL('../../workflows/refuse-lone-events.ts', import.meta.url);

/**
 * The workflow code for a worker: the bundle of the build, or, when we run from TypeScript sources, one made now, which
 * takes some two seconds.
 * @throws Error the build was not finished
 */
export async function loadWorkflowBundle(): Promise<WorkflowBundleOption> {
  if (import.meta.url.endsWith('.ts')) {
    return bundleWorkflowCode({
      workflowsPath: fileURLToPath(WORKFLOW_SOURCES),
      workflowInterceptorModules: [fileURLToPath(INTERCEPTOR)],
      logger: new DefaultLogger('WARN'),
    });
  }
  const codePath = fileURLToPath(BUILT_BUNDLE);
  if (!existsSync(codePath)) {
    throw new Error(
      `The workflow code ${codePath} is missing; expected the result of a whole build. Run: npm run build`,
    );
  }
  return { codePath };
}

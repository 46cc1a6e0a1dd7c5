import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findTemporalBinary } from '../../src/dev/stack/temporal/temporal-binary.js';
import { until } from '../support/wait.js';

/** Histories of released versions, one folder a version. A file once committed is never recorded anew. */
const FOLDER = join(import.meta.dirname, 'histories');

/** A recorded history: the JSON of one run, as `temporal workflow show --output json` prints it. */
interface RecordedHistory {
  readonly name: string;
  readonly history: unknown;
  /** A workflow may decide by its own id. */
  readonly workflowId: string;
}

/** Every recorded history of every released version. */
export async function readHistories(): Promise<RecordedHistory[]> {
  const files = await readdir(FOLDER, { recursive: true });
  const names = files.filter((file) => file.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => {
      const history: unknown = JSON.parse(await readFile(join(FOLDER, name), 'utf8'));
      return { name, history, workflowId: toWorkflowIdOf(history, name) };
    }),
  );
}

function toWorkflowIdOf(history: unknown, name: string): string {
  const [started] = (history as { events: { workflowExecutionStartedEventAttributes?: { workflowId?: string } }[] })
    .events;
  const workflowId = started?.workflowExecutionStartedEventAttributes?.workflowId;
  if (workflowId === undefined) throw new Error(`the history ${name} does not begin with the start of a workflow`);
  return workflowId;
}

/** The run of a test's workflow that is to be recorded. */
interface RunOnServer {
  readonly address: string;
  readonly workflowId: string;
  readonly runId: string;
}

/**
 * Records a run when `METER_SYNC_RECORD_HISTORIES` names a version, from the code that is released:
 * `METER_SYNC_RECORD_HISTORIES=0.1.0 npx vitest run test/workflows -t '...'`.
 */
export async function recordHistory(title: string, { address, workflowId, runId }: RunOnServer): Promise<void> {
  const version = process.env['METER_SYNC_RECORD_HISTORIES'];
  if (version === undefined) return;
  const { path } = await findTemporalBinary(process.env, (line) => process.stderr.write(`${line}\n`));
  const run = ['--address', address, '--workflow-id', workflowId, '--run-id', runId];
  // Temporal begins the run that continues another a second later: without a task of its own its history says nothing, and no replay ends
  const show = async (): Promise<string | null> => {
    const shown = ['workflow', 'show', ...run, '--output', 'json'];
    const { stdout } = await promisify(execFile)(path, shown, { maxBuffer: 2 ** 26 });
    return stdout.includes('workflowTaskCompletedEventAttributes') ? stdout : null;
  };
  const stdout = await until(show, { what: `a task of the run ${runId}`, everyMs: 300 });
  const name = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 80);
  await mkdir(join(FOLDER, version), { recursive: true });
  await writeFile(join(FOLDER, version, `${name}.json`), `${JSON.stringify(JSON.parse(stdout, withoutTraces))}\n`);
}

/** A stack trace names the folders of the machine that recorded it, and no replay looks at it. */
function withoutTraces(key: string, value: unknown): unknown {
  return key === 'stackTrace' ? '' : value;
}

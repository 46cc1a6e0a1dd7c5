import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { WorkflowHandle } from '@temporalio/client';

/** Histories of released versions, one folder a version. A file once committed is never recorded anew. */
const FOLDER = join(import.meta.dirname, 'histories');

/** A recorded history: the JSON of one run, as `temporal workflow show --output json` prints it. */
export interface RecordedHistory {
  readonly name: string;
  readonly history: unknown;
}

/** Every recorded history of every released version. */
export async function readHistories(): Promise<RecordedHistory[]> {
  const files = await readdir(FOLDER, { recursive: true });
  const names = files.filter((file) => file.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => ({ name, history: JSON.parse(await readFile(join(FOLDER, name), 'utf8')) as unknown })),
  );
}

/**
 * Records the first run of a test's workflow when `METER_SYNC_RECORD_HISTORIES` names a version:
 * `METER_SYNC_RECORD_HISTORIES=0.1.0 npx vitest run test/workflows -t '...'`, from the code that is released.
 */
export async function recordHistory(title: string, handle: WorkflowHandle): Promise<void> {
  const version = process.env['METER_SYNC_RECORD_HISTORIES'];
  if (version === undefined) return;
  const folder = join(FOLDER, version);
  await mkdir(folder, { recursive: true });
  const name = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 80);
  await writeFile(join(folder, `${name}.json`), `${historyToJSON(await handle.fetchHistory())}\n`);
}

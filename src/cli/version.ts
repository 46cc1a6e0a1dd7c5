import { readFileSync } from 'node:fs';

/** The version of this program. The package's own file lies two folders up from the sources, three from the compiled files. */
export function readVersion(): string {
  for (const folder of ['../..', '../../..']) {
    const found = readPackage(new URL(`${folder}/package.json`, import.meta.url));
    if (found !== null) return found;
  }
  return 'unknown';
}

function readPackage(file: URL): string | null {
  try {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    return name === 'meter-sync' ? (version ?? null) : null;
  } catch {
    return null; // not there: the caller looks one folder further up
  }
}

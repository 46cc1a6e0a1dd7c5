import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * A fresh folder beside a file that is being made, so that the file can be put in its place in one step. Folders of work
 * that was cut short are removed; each has a name of its own, since a compiler that lost its parent may still write there.
 * The caller holds the lock of the file.
 */
export function makePartFolder(destination: string): string {
  const prefix = `${basename(destination)}.part-`;
  for (const name of readdirSync(dirname(destination))) {
    if (name.startsWith(prefix)) rmSync(join(dirname(destination), name), { recursive: true, force: true });
  }
  const folder = join(dirname(destination), `${prefix}${process.pid}`);
  mkdirSync(folder);
  return folder;
}

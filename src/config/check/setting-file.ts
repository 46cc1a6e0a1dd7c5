import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { toFileReason } from './problems.js';

/** A file that a setting names; its content may change while the process runs. */
export interface SettingFile {
  readonly setting: string;
  readonly path: string;
}

/**
 * The content of a file as it is now.
 * @throws Error it cannot be read, or is empty; says which setting names it, and why
 */
export async function readSettingFile({ setting, path }: SettingFile): Promise<Buffer> {
  const content = await readFile(path).catch((error: unknown) => refuse(setting, path, toFileReason(error)));
  return content.length > 0 ? content : refuse(setting, path, 'empty');
}

function refuse(setting: string, path: string, reason: string): never {
  throw new Error(`${setting} is '${path}', which is ${reason}; expected the path of a file that can be read`);
}

/** Why a file cannot be used, as it follows "which is"; null: it can. */
export function findReason(path: string): string | null {
  try {
    return readFileSync(path).length > 0 ? null : 'empty';
  } catch (error) {
    return toFileReason(error);
  }
}

/** True when a certificate and a key, both files that can be read, belong together. */
export function isPair(certPath: string, keyPath: string): boolean {
  try {
    createSecureContext({ cert: readFileSync(certPath), key: readFileSync(keyPath) });
    return true;
  } catch {
    return false; // OpenSSL's words name no file; the caller names both
  }
}

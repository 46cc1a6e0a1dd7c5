import { spawnSync } from 'node:child_process';

import type { SystemUser } from './guarded-process.js';

/**
 * The user that PostgreSQL's server runs as; `undefined` means our own.
 *
 * PostgreSQL refuses to run as root. Rather than adding a user to somebody's machine we take one that is there: `postgres`
 * where a package has made it, else `nobody`, which every Linux and macOS has.
 * @throws Error we are root and the machine has neither user
 */
export function choosePostgresUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const user = ['postgres', 'nobody'].map(findUser).find((found) => found !== undefined);
  if (user) return user;
  throw new Error(
    'PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody to run it as. ' +
      'Run this command as an ordinary user.',
  );
}

function findUser(name: string): SystemUser | undefined {
  const [uid, gid] = ['-u', '-g'].map((option) => Number(spawnSync('id', [option, name]).stdout || NaN));
  if (uid === undefined || gid === undefined) return undefined;
  return Number.isInteger(uid) && Number.isInteger(gid) ? { name, uid, gid } : undefined;
}

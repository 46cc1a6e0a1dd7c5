import { spawnSync } from 'node:child_process';

import type { SystemUser } from '../process/guarded-process.js';

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

/**
 * Checks that the server's user can reach the folder of its data.
 * @throws Error it cannot: says which user and what opens the folder
 */
export function checkFolderIsOpen(user: SystemUser | undefined, folder: string): void {
  if (!user || spawnSync('test', ['-x', folder], { uid: user.uid, gid: user.gid }).status === 0) return;
  throw new Error(
    `The folder ${folder} cannot be entered by the user ${user.name}, as which PostgreSQL runs here because it refuses to ` +
      `run as root. Open it and the folders above it with chmod o+x, or name another folder with --data.`,
  );
}

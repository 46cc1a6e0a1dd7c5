import { hostname, userInfo } from 'node:os';

/** For the audit: the person at the terminal, as far as the machine knows. */
export function whoAmI(): string {
  return `${userInfo().username}@${hostname()}`;
}

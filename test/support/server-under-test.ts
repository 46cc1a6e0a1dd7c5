import { fetchPostgres } from './npm-postgres.js';
import {
  findOther,
  GERMAN,
  NO_OTHER_VERSION,
  NO_GERMAN,
  startSystemPostgres,
  type SystemServer,
  type SystemServerOptions,
} from './system-postgres.js';

/**
 * `METER_SYNC_TEST_SERVER`: which server the tests' databases are on, instead of PostgreSQL 18 from npm. `system`: the one of the system's packages
 * as it comes (Debian 12: 15, with JIT), in German. A number: that version from npm.
 */
export const SERVER_UNDER_TEST = process.env['METER_SYNC_TEST_SERVER'] || null;

/**
 * Starts a server of that kind.
 * @throws Error there is none, with what would bring it
 */
export async function startServerUnderTest(
  kind: string,
  temporaryIn: string | undefined,
  atEnd: (end: () => Promise<void>) => void,
): Promise<SystemServer> {
  return startSystemPostgres({ ...optionsOf(kind), temporaryIn }, atEnd);
}

/** What servers answer in; only that of the system's packages speaks more than English. */
export type Language = 'en' | 'de';

/** How such a server is made. */
export function optionsOf(
  kind: string,
  language: Language = 'de',
): SystemServerOptions & Pick<Required<SystemServerOptions>, 'findBinaries'> {
  if (kind !== 'system') return { findBinaries: (copyFolder) => fetchPostgres(kind, copyFolder) };
  const missing = language === 'de' ? NO_GERMAN : NO_OTHER_VERSION;
  if (missing !== null) throw new Error(`PostgreSQL of the system's packages, in the language ${language}: ${missing}`);
  return { findBinaries: findOther, ...(language === 'de' ? { locale: GERMAN } : {}) };
}

import type { PoolSettings } from '../../src/postgres/pool.js';

/** The settings of a pool for one database of a test server. */
export function toPoolSettings(serverUrl: string, database: string): PoolSettings {
  const url = new URL(serverUrl);
  return {
    host: url.hostname,
    port: Number(url.port),
    database,
    user: decodeURIComponent(url.username),
    password: () => decodeURIComponent(url.password),
    ssl: false,
    applicationName: 'meter-sync test',
    maxConnections: 10,
  };
}

/** What the parts of a connection URL are called among the settings. */
const PARAMETERS: Readonly<Record<string, string>> = {
  host: 'HOST',
  port: 'PORT',
  user: 'USER',
  password: 'PASSWORD',
  dbname: 'DB',
  sslmode: 'SSLMODE',
  sslrootcert: 'SSLROOTCERT',
  sslcert: 'SSLCERT',
  sslkey: 'SSLKEY',
};

/**
 * The settings that a connection URL holds, by their names without prefix; null when it is none, or when it asks for
 * something that we do not know. As in libpq, parameters go before the other parts.
 */
export function parseConnectionUrl(text: string): Readonly<Record<string, string>> | null {
  try {
    const url = new URL(text);
    if (!['postgres:', 'postgresql:'].includes(url.protocol) || url.hash !== '') return null;
    const parts: [string, string][] = [
      ['HOST', decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1')],
      ['PORT', url.port],
      ['USER', decodeURIComponent(url.username)],
      ['PASSWORD', decodeURIComponent(url.password)],
      ['DB', decodeURIComponent(url.pathname.replace(/^\//, ''))],
    ];
    for (const [name, value] of url.searchParams) {
      const setting = PARAMETERS[name];
      if (setting === undefined) return null;
      parts.push([setting, value]);
    }
    return Object.fromEntries(parts.filter(([, value]) => value !== ''));
  } catch {
    return null; // neither URL nor percent-encoding; the error would quote the password
  }
}

import { z } from 'zod';
import { optional, setting, whole } from './setting.js';

/** The settings of one of the two databases, without the prefix of its side. Meanings are libpq's. */
export const connectionSchema = z.object({
  URL: optional(
    {
      text: 'All of the connection in one: `postgresql://user:password@host:port/database?sslmode=...`. Single settings go before its parts. Special characters are percent-encoded',
      wanted: 'postgresql://user:password@host:port/database, special characters percent-encoded',
      isSecret: true,
    },
    z.string(),
  ),
  HOST: setting(
    {
      text: 'Host name, address, or the folder of a Unix socket',
      wanted: 'one host name or address, or a folder that begins with /',
      fallback: 'localhost',
    },
    z.string().regex(/^[^\s,@]+$/),
  ),
  PORT: setting({ text: 'Port', wanted: 'a whole number from 1 to 65535', fallback: '5432' }, whole(1, 65_535)),
  USER: optional(
    { text: 'User', wanted: 'the name of a role', fallbackText: "the operating system's user" },
    z.string().min(1),
  ),
  DB: optional({ text: 'Database', wanted: 'the name of a database', fallbackText: 'as the user' }, z.string().min(1)),
  PASSWORD: optional({ text: 'Password, taken as it is', wanted: 'a password', isSecret: true }, z.string()),
  PASSWORD_FILE: optional(
    {
      text: 'A file that holds the password, read anew for each connection; the line end at its end does not count',
      wanted: 'the path of a file that can be read',
    },
    z.string(),
  ),
  SSLMODE: setting(
    { text: 'TLS, see below', wanted: 'disable, prefer, require, verify-ca or verify-full', fallback: 'prefer' },
    z.enum(['disable', 'prefer', 'require', 'verify-ca', 'verify-full']),
  ),
  SSLROOTCERT: optional(
    {
      text: "Certificates of the authorities to trust (PEM), or `system` for Node's own list",
      wanted: 'the path of a file that can be read, or system',
    },
    z.string(),
  ),
  SSLCERT: optional(
    { text: 'Client certificate (PEM)', wanted: 'the path of a file that can be read, with SSLKEY beside it' },
    z.string(),
  ),
  SSLKEY: optional(
    {
      text: 'Key of the client certificate (PEM, without a passphrase)',
      wanted: 'the path of a file that can be read, with SSLCERT beside it',
    },
    z.string(),
  ),
});

/** The values of those settings, each valid by itself. */
export type ConnectionValues = z.output<typeof connectionSchema>;

/** How a connection uses TLS; libpq's names. */
export type SslMode = ConnectionValues['SSLMODE'];

/** The prefix of each side's settings. Only this folder knows that the remote is called a client there. */
export const PREFIXES = { local: 'POSTGRES_SYNC_', remote: 'POSTGRES_CLIENT_' } as const;

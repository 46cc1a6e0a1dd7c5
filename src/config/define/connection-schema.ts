import { z } from 'zod';
import { optional, parsed, setting } from './setting.js';

/** The settings of one of the two databases, without the prefix of its side. Meanings are libpq's. */
export const connectionSchema = z.object({
  URL: optional(
    {
      text: 'All of the connection in one: `postgresql://user:password@host:port/database?sslmode=...`, as a provider shows it. Single settings go before its parts. Special characters are percent-encoded',
      wanted: 'postgresql://user:password@host:port/database, special characters percent-encoded',
      isSecret: true,
    },
    z.string(),
  ),
  HOST: setting(
    {
      text: 'Host name, address, or the folder of a Unix socket; several, of a primary and its standbys, with commas between them',
      wanted: 'a host name or address, or a folder that begins with /; several with commas between them',
      fallback: 'localhost',
    },
    z
      .string()
      .regex(/^[^\s,@]+(,[^\s,@]+)*$/)
      .transform((hosts) => hosts.split(',')),
  ),
  PORT: setting(
    {
      text: 'Port; with several hosts one for all, or one for each with commas between them',
      wanted: 'a whole number from 1 to 65535, or one for each host with commas between them',
      fallback: '5432',
    },
    parsed(parsePorts),
  ),
  TARGET_SESSION_ATTRS: optional(
    {
      text: 'Which of several hosts is taken, in their order: the first one that lets us in (`any`), that takes writes (`read-write`), or that is no standby (`primary`)',
      wanted: 'any, read-write or primary: both databases are written to',
      fallbackText: 'any; with several hosts read-write',
    },
    z.enum(['any', 'read-write', 'primary']),
  ),
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
  SSLNEGOTIATION: setting(
    {
      text: '`direct` begins with the handshake, without asking for TLS first; the server must be PostgreSQL 17 or newer',
      wanted: 'postgres or direct, and direct only with an SSLMODE that demands TLS',
      fallback: 'postgres',
    },
    z.enum(['postgres', 'direct']),
  ),
  CHANNEL_BINDING: setting(
    {
      text: '`require`: log in only where the server proves, by a SCRAM login that is bound to its TLS certificate, that nobody sits in between; else this is not asked for',
      wanted: 'disable, prefer or require, and require only with an SSLMODE that demands TLS',
      fallback: 'prefer',
    },
    z.enum(['disable', 'prefer', 'require']),
  ),
  OPTIONS: optional(
    {
      text: 'Settings of the server for each session: `-c search_path=metering`',
      wanted: 'options such as -c name=value',
    },
    z.string().min(1),
  ),
});

function parsePorts(text: string): readonly number[] | null {
  const ports = text.split(',').map((port) => (/^\d{1,5}$/.test(port) ? Number(port) : 0));
  return ports.every((port) => port >= 1 && port <= 65_535) ? ports : null;
}

/** The values of those settings, each valid by itself. */
export type ConnectionValues = z.output<typeof connectionSchema>;

/** How a connection uses TLS; libpq's names. */
export type SslMode = ConnectionValues['SSLMODE'];

/** One of the servers that may have a database. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The prefix of each side's settings. Only this folder knows that the remote is called a client there. */
export const PREFIXES = { local: 'POSTGRES_SYNC_', remote: 'POSTGRES_CLIENT_' } as const;

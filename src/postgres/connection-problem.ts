import type { FailureKind } from '../model/failures.js';

/** A connection that cannot be had, for a reason that our own side of it has found. */
export class ConnectionProblem extends Error {
  override readonly name = 'ConnectionProblem';
  readonly kind: FailureKind;
  /** What to do, where that is more than the kind alone can tell. */
  readonly next: string | null;

  constructor(kind: FailureKind, message: string, facts: { readonly next?: string; readonly cause?: unknown } = {}) {
    super(message, { cause: facts.cause });
    this.kind = kind;
    this.next = facts.next ?? null;
  }
}

/** What Node's sockets and `pg` say when a server cannot be reached. */
const UNREACHABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  'ENOENT', // a Unix socket that is not there; a file of a password or a certificate is a problem of its own
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
]);

/**
 * `pg` gives these of its own no code, and says them in English wherever it runs; each means that the connection is gone or
 * was never had. An exception to the rule that messages decide nothing: there is nothing else to decide by.
 */
const UNREACHABLE_MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Client has encountered a connection error',
  'Client was closed and is not queryable',
  'There was an error establishing an SSL connection', // an error in place of an answer: the server is short of something
];

/** Node refuses the server's certificate. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const REFUSED_CERTIFICATE =
  /^(ERR_TLS_CERT_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_(CA|PURPOSE)$|PATH_LENGTH_|HOSTNAME_MISMATCH$|ERROR_IN_)/;
/** OpenSSL cannot use one of our own files: no PEM, or a key that belongs to another certificate. */
const UNUSABLE_FILE = /^ERR_OSSL_/;
/** Whatever else fails in a handshake: a server that refuses our certificate, versions that have nothing in common. */
const FAILED_HANDSHAKE = /^(ERR_SSL_|ERR_TLS_)/;
const NO_TLS_MESSAGE = 'The server does not support SSL connections';
const SASL_MESSAGE = 'SASL: ';

/** What a failure of a connection means, that no server has told. */
interface Judgement {
  readonly kind: FailureKind;
  /** Absent: the error's own message says it. */
  readonly message?: string;
  readonly next?: string;
}

/** Judges an error of a socket, of TLS or of `pg` itself; null when it is none of them. */
export function judgeConnection(error: Error): Judgement | null {
  const { message } = error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (UNREACHABLE_CODES.has(code)) return { kind: 'unreachable' };
  if (code === 'EACCES' || code === 'EPERM') return { kind: 'credentials' }; // the file of a Unix socket
  if (message.startsWith(NO_TLS_MESSAGE)) return NO_TLS;
  const tls = judgeTls(code, message);
  if (tls !== null) return tls;
  if (message.startsWith(SASL_MESSAGE)) return judgeSasl(message);
  return UNREACHABLE_MESSAGES.some((start) => message.startsWith(start)) ? { kind: 'unreachable' } : null;
}

const NO_TLS: Judgement = {
  kind: 'credentials',
  message: 'the server has no TLS, and SSLMODE asks for it',
  next: 'Ask the DBA of that database to switch TLS on (ssl = on); without TLS: SSLMODE=disable in the settings. Then run: meter-sync check',
};

function judgeTls(code: string, message: string): Judgement | null {
  if (REFUSED_CERTIFICATE.test(code)) {
    return {
      kind: 'credentials',
      message: `the server's TLS certificate is not accepted: ${message} (${code})`,
      next: 'Ask the DBA of that database to fix the server certificate, or correct SSLROOTCERT in the settings. The file is read anew for each connection: meter-sync check',
    };
  }
  if (UNUSABLE_FILE.test(code)) {
    return {
      kind: 'credentials',
      message: `the files of SSLROOTCERT, SSLCERT and SSLKEY cannot be used: ${message} (${code})`,
      next: 'Correct these files, or the settings that name them: PEM, and the key of that very certificate. They are read anew for each connection: meter-sync check',
    };
  }
  if (!FAILED_HANDSHAKE.test(code)) return null;
  return {
    kind: 'credentials',
    message: `the TLS handshake failed: ${message} (${code})`,
    next: "Renew the client certificate (SSLCERT, SSLKEY), or ask the DBA of that database to look into that server's log. The files are read anew for each connection: meter-sync check",
  };
}

function judgeSasl(message: string): Judgement {
  const [, iterations] = /iteration count (\d+) exceeds/.exec(message) ?? [];
  if (iterations === undefined) return { kind: 'credentials' };
  return {
    kind: 'credentials',
    message: `the password of this role is hashed with ${iterations} SCRAM iterations, more than a login can compute in time`,
    next: 'Ask the DBA of that database to set a lower scram_iterations and then the password of this role again: meter-sync check',
  };
}

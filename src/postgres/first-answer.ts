import type { Duplex } from 'node:stream';
import { ConnectionProblem } from './connection-problem.js';

/** PostgreSQL's answers to a request for TLS. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL */
const HAS_TLS = 'S'.charCodeAt(0);
const HAS_NO_TLS = 'N'.charCodeAt(0);
const ERROR = 'E'.charCodeAt(0);
const AUTHENTICATION = 'R'.charCodeAt(0);
/** How a conversation without TLS, or within it, begins: authentication, error, notice, another version of the protocol. */
const FIRST_MESSAGES = new Set([...'RENv'].map((letter) => letter.charCodeAt(0)));
/** Nobody greets with more; four letters of another protocol, read as a length, are far beyond it. */
const MAX_GREETING_BYTES = 1_000_000;
/** None, password in the clear, MD5, and SCRAM. `pg` throws in the middle of nowhere when a server asks for another one. */
const KNOWN_AUTHENTICATIONS = new Set([0, 3, 5, 10]);

type Hear = (chunk: Buffer) => void;

/** What `pg` would have heard of a stream first; it is heard by `judge` instead. */
function takeFirst(stream: Duplex, judge: (answer: Buffer, listeners: readonly Hear[]) => void): void {
  const listeners = stream.listeners('data') as Hear[];
  stream.removeAllListeners('data');
  stream.once('data', (answer: Buffer) => judge(answer, listeners));
}

/** What becomes of the answer to a request for TLS. */
interface TlsAnswers {
  readonly refuse: (problem: ConnectionProblem) => void;
  /** The server has no TLS, and may go without; absent: `pg` takes that as an error. */
  readonly withoutTls?: () => void;
}

/**
 * Hears the answer to a request for TLS before `pg` does, which takes "no TLS" as an error, and anything else as a failed
 * handshake.
 */
export function hearTlsAnswer(stream: Duplex, { refuse, withoutTls }: TlsAnswers): void {
  takeFirst(stream, (answer, listeners) => {
    const isAnswer = answer.length === 1 && (answer[0] === HAS_TLS || answer[0] === HAS_NO_TLS);
    if (!isAnswer && answer[0] !== ERROR) return refuse(notPostgres());
    if (isAnswer && answer[0] === HAS_NO_TLS && withoutTls !== undefined) return withoutTls();
    for (const listener of listeners) listener.call(stream, answer);
  });
}

/** Hears the first message of a server before `pg` does, whose parser waits for ever on what is no message. */
export function hearGreeting(stream: Duplex, refuse: (problem: ConnectionProblem) => void): void {
  takeFirst(stream, (answer, listeners) => {
    const problem = judgeGreeting(answer);
    if (problem !== null) return refuse(problem);
    for (const listener of listeners) {
      stream.on('data', listener);
      listener.call(stream, answer);
    }
  });
}

function judgeGreeting(answer: Buffer): ConnectionProblem | null {
  if (!FIRST_MESSAGES.has(answer[0] ?? 0)) return notPostgres();
  if (answer.length < 5) return null; // too little to judge by
  if (answer.readUInt32BE(1) > MAX_GREETING_BYTES) return notPostgres();
  const isAsked = answer[0] === AUTHENTICATION && answer.length >= 9;
  return isAsked && !KNOWN_AUTHENTICATIONS.has(answer.readUInt32BE(5)) ? unknownAuthentication() : null;
}

function notPostgres(): ConnectionProblem {
  return new ConnectionProblem('config', 'there is no PostgreSQL at that port: something else answers', {
    next: 'Correct host and port in the settings of the worker, and start it again: meter-sync check',
  });
}

function unknownAuthentication(): ConnectionProblem {
  return new ConnectionProblem(
    'credentials',
    'the server wants an authentication that is not supported, such as GSSAPI or SSPI',
    { next: 'Ask the DBA of that database for a line in pg_hba.conf with scram-sha-256 or cert: meter-sync check' },
  );
}

import pc from 'picocolors';
import winston from 'winston';
import type { Log, LogFacts } from '../../activities/attempt.js';
import type { LogFormat, LogLevel } from '../config/define/site-schema.js';
import { type LogEntry, toJsonLine, toPrettyLine } from './log-line.js';
import { createRedactor } from './redact.js';

/** The log of a process. */
export interface WorkerLogger extends Log {
  /** The least important level that is written. */
  readonly level: LogLevel;
  /** Writes an entry that came about at a time of its own. */
  write(entry: Omit<LogEntry, 'redact'>): void;
  /** Keeps a secret out of every line from now on, should it ever come into a message. */
  hide(secret: string): void;
  /** A text without what is to be hidden, for what does not go into the log. */
  redact(text: string): string;
  /** Waits until everything is written. What comes later is left out. May be called twice. */
  close(): Promise<void>;
}

/** What is logged, how, and where to. */
interface LoggerSettings {
  readonly level: LogLevel;
  /** `auto`: pretty on a terminal, JSON lines otherwise. */
  readonly format: LogFormat;
  /** Standard error by default: standard output belongs to `--json`. */
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** A log of one line an entry, with colours for people on a terminal; one JSON object a line for everything else. */
export function createLogger({ level, format, stream = process.stderr }: LoggerSettings): WorkerLogger {
  const isTerminal = stream.isTTY === true;
  const isPretty = format === 'pretty' || (format === 'auto' && isTerminal);
  const colours = pc.createColors(isTerminal && !process.env['NO_COLOR']);
  const redactor = createRedactor();
  const toLine = winston.format((entry) => {
    const parts = { ...(entry as unknown as LogEntry), redact: redactor.redact };
    return { ...entry, [Symbol.for('message')]: isPretty ? toPrettyLine(parts, colours) : toJsonLine(parts) };
  });
  const logger = winston.createLogger({
    level,
    format: toLine(),
    transports: [new winston.transports.Stream({ stream, eol: '\n' })],
  });
  // facts stay apart: winston would take a fact named `level` or `message` for its own
  let isClosed = false;
  const write = (entry: Omit<LogEntry, 'redact'>): void => {
    if (!isClosed) logger.log(entry); // a late word of a connection must not end a process that is ending anyway
  };
  const log =
    (level: LogLevel) =>
    (message: string, facts: LogFacts = {}): void =>
      write({ time: new Date(), level, message, facts });
  return {
    level,
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    write,
    hide: redactor.hide,
    redact: redactor.redact,
    close: () =>
      new Promise((resolve) => {
        if (isClosed) return resolve();
        isClosed = true;
        logger.once('finish', resolve).end();
      }),
  };
}

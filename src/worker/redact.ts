import { HIDDEN } from '../config/define/secret.js';

/** A password in a URL of any scheme: `postgresql://user:password@host`. */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s/]+(?=@)/gi;
/** A password in a connection string of libpq: `password=...`. */
const PASSWORD_PAIR = /\b(password|passwd|pwd)(\s*=\s*)('[^']*'|[^\s'"&,;]+)/gi;
/** Every log line holds each letter: a shorter secret would hide the words and show itself by that. */
const MIN_SECRET_LENGTH = 3;

/** Hides what nobody may read in a log. A last line of defence: secrets should not come here at all. */
interface Redactor {
  /** From now on this text reads `(set, hidden)`. */
  hide(secret: string): void;
  /** A text without secrets. */
  redact(text: string): string;
}

/** A redactor that knows the passwords in URLs and connection strings, and whatever it is told to hide. */
export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  return {
    hide(secret) {
      if (secret.length < MIN_SECRET_LENGTH) return;
      secrets.add(secret);
      secrets.add(encodeURIComponent(secret));
    },
    redact(text) {
      const shapes = text.replace(URL_PASSWORD, `$1${HIDDEN}`).replace(PASSWORD_PAIR, `$1$2${HIDDEN}`);
      return [...secrets].reduce((hidden, secret) => hidden.replaceAll(secret, HIDDEN), shapes);
    },
  };
}

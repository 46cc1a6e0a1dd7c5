/** The messages of PostgreSQL's protocol that mean something to the lab, by their type byte. */
export const FROM_CLIENT = { query: 'Q', parse: 'P', copyData: 'd', copyDone: 'c' } as const;
export const FROM_SERVER = { ready: 'Z', copyInBegins: 'G', copyOutBegins: 'H', copyData: 'd', copyDone: 'c' } as const;

const TYPE_BYTES = 1;
const LENGTH_BYTES = 4;

/**
 * Cuts a stream of the protocol into whole messages, each with its header.
 * @param startsBare the first message has no type byte: what a client begins with
 */
export function createSplitter(startsBare: boolean): (chunk: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  let isBare = startsBare;
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const messages: Buffer[] = [];
    for (;;) {
      const lengthAt = isBare ? 0 : TYPE_BYTES;
      if (rest.length < lengthAt + LENGTH_BYTES) return messages;
      const bytes = lengthAt + rest.readUInt32BE(lengthAt);
      if (rest.length < bytes) return messages;
      messages.push(rest.subarray(0, bytes));
      rest = rest.subarray(bytes);
      isBare = false;
    }
  };
}

/** The type byte of a message that has one, as a letter. */
export function typeOf(message: Buffer): string {
  return String.fromCharCode(message[0] ?? 0);
}

/** The statement that a message begins; undefined: it begins none. */
export function statementOf(message: Buffer): string | undefined {
  const body = message.subarray(TYPE_BYTES + LENGTH_BYTES);
  if (typeOf(message) === FROM_CLIENT.query) return toText(body);
  if (typeOf(message) === FROM_CLIENT.parse) return toText(body.subarray(body.indexOf(0) + 1)); // after the statement's own name
  return undefined;
}

function toText(body: Buffer): string {
  return body.toString('utf8', 0, body.indexOf(0));
}

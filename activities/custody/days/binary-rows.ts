/** `PGCOPY\n\xff\r\n\0`, four bytes of flags and four that say how long the rest of the header is. */
const HEADER_BYTES = 19;

/** A row in the bytes of a COPY: from the number of its fields to the end of the last one. */
export interface BinaryRow {
  readonly bytes: Buffer;
  /** The value of the field that was asked for; null: it is null, or none was asked for. */
  readonly field: Buffer | null;
}

/**
 * Cuts the stream of a COPY in binary format into its rows, whatever pieces it comes in. It takes lengths alone; no value is
 * looked at.
 */
export class BinaryRows {
  private rest: Buffer = Buffer.alloc(0);
  private hasBegun = false;

  /**
   * @param fieldAt which field of a row is handed over beside it, from 0; null: none
   * @param onRow its buffers are good until it returns
   */
  constructor(
    private readonly fieldAt: number | null,
    private readonly onRow: (row: BinaryRow) => void,
  ) {}

  /** Takes the next piece. */
  update(piece: Buffer): void {
    const bytes = this.rest.length === 0 ? piece : Buffer.concat([this.rest, piece]);
    let at = this.hasBegun ? 0 : headerEnd(bytes);
    if (at === null) {
      this.rest = bytes;
      return;
    }
    this.hasBegun = true;
    for (let end = this.takeRow(bytes, at); end !== null; end = this.takeRow(bytes, at)) at = end;
    this.rest = bytes.subarray(at);
  }

  /** Hands over the row that begins here, and answers where it ends; null: it is not whole yet, or the stream ends here. */
  private takeRow(bytes: Buffer, start: number): number | null {
    if (start + 2 > bytes.length) return null;
    const fields = bytes.readInt16BE(start); // -1 at the end of the stream
    let field: Buffer | null = null;
    let at = start + 2;
    for (let number = 0; number < fields; number += 1) {
      if (at + 4 > bytes.length) return null;
      const length = bytes.readInt32BE(at); // -1: null
      at += 4;
      const end = at + Math.max(0, length);
      if (end > bytes.length) return null;
      if (number === this.fieldAt && length >= 0) field = bytes.subarray(at, end);
      at = end;
    }
    if (fields < 0) return null;
    this.onRow({ bytes: bytes.subarray(start, at), field });
    return at;
  }
}

function headerEnd(bytes: Buffer): number | null {
  if (bytes.length < HEADER_BYTES) return null;
  const end = HEADER_BYTES + bytes.readInt32BE(HEADER_BYTES - 4);
  return bytes.length < end ? null : end;
}

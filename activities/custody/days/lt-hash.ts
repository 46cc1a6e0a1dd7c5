import { createHash } from 'node:crypto';

/**
 * Lanes of 16 bits. LtHash with 1,024 of them has at least 200 bits of security (Lewi, Kim, Maykov, Weis: Securing Update
 * Propagation with Homomorphic Hashing, 2019, https://eprint.iacr.org/2019/227).
 */
const LANES = 1_024;
const BYTES = 2 * LANES;

/**
 * A hash of a set of rows in no order, from which rows can be taken out again: nobody can find two sets with the same one. Each row is
 * spread by SHAKE128 over 1,024 lanes of 16 bits, little endian, and lane by lane the rows are added up modulo 2^16.
 */
export class LtHash {
  private constructor(private readonly lanes: Uint16Array) {}

  /** The hash of no row. */
  static empty(): LtHash {
    return new LtHash(new Uint16Array(LANES));
  }

  /** A hash as {@link toBytes} gave it; null for bytes that are none. */
  static fromBytes(bytes: Buffer): LtHash | null {
    return bytes.length === BYTES ? new LtHash(toLanes(bytes)) : null;
  }

  /** Takes a row in. */
  add(row: Buffer): void {
    const spread = toLanes(createHash('shake128', { outputLength: BYTES }).update(row).digest());
    for (let lane = 0; lane < LANES; lane += 1) this.lanes[lane] = (this.lanes[lane] ?? 0) + (spread[lane] ?? 0);
  }

  /** The rows of both; with `-1` those of this one without the other's. */
  with(other: LtHash, sign: 1 | -1 = 1): LtHash {
    return new LtHash(this.lanes.map((lane, at) => lane + sign * (other.lanes[at] ?? 0)));
  }

  toBytes(): Buffer {
    return Buffer.from(this.lanes.buffer, this.lanes.byteOffset, BYTES);
  }

  /** SHA-256 of the lanes, hexadecimal: as good as they are, and short enough for a custody record. */
  toDigest(): string {
    return createHash('sha256').update(this.toBytes()).digest('hex');
  }
}

/** A copy, since a buffer may begin at an odd place. */
function toLanes(bytes: Buffer): Uint16Array {
  return new Uint16Array(new Uint8Array(bytes).buffer);
}

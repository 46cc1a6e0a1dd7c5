import { type Conversion, convert, isText, type Move } from './conversion.js';
import type { Column, QueueTable } from './table.js';
import { parseType } from './type-name.js';

/** The form in which a batch crosses: binary wherever both ends mean the same bytes. */
type CopyFormat = 'binary' | 'text';

/** A column that travels. */
export interface TransferColumn {
  readonly name: string;
  /** Longer values must be refused, since the remote would cut blanks off their end; null: nothing to guard. */
  readonly maxLength: number | null;
  /** The zone that is put to the instants, or taken from them; null: they cross as they are. */
  readonly inZone: string | null;
  /** What becomes of values that the remote does not store as the site does; absent: nothing. */
  readonly stored?: {
    /** They are read from their printed form. */
    readonly asText: boolean;
    /** The remote's type; null: one that the site need not have, such as an enum, and the text stays what it is. */
    readonly type: string | null;
  };
}

/** What moves between two tables, and how. */
export interface Transfer {
  readonly columns: readonly TransferColumn[];
  readonly format: CopyFormat;
  /** Columns whose values the remote may store less exactly, since the settings allow it. */
  readonly rounded: readonly string[];
}

/**
 * The first column of which the remote stores other bytes than pass, so that readings cannot be hashed as they do (mode
 * `strong`): it is converted, or its table moves as text. Null: there is none.
 */
export function findUnhashable({ columns, format }: Transfer): string | null {
  const converted = columns.find(({ stored, inZone }) => stored !== undefined || inZone !== null);
  return converted?.name ?? (format === 'text' ? (columns[0]?.name ?? null) : null);
}

/** A column that both ends have, and how its values would move. */
export interface Pair {
  readonly local: Column;
  readonly remote: Column;
  readonly conversion: Conversion;
}

/** How the values of a column that both ends have would move. */
export function toPair(local: Column, remote: Column): Pair {
  const isLabel = remote.isEnum && (local.isEnum || isText(parseType(local.baseType)));
  const isOther = local.baseType !== remote.baseType;
  return { local, remote, conversion: isLabel && isOther ? INTO_ENUM : convert(local.baseType, remote.baseType) };
}

const INTO_ENUM: Move = { by: 'text', refuses: 'which takes its own labels alone' };

/** A pair as it travels in a batch of that form. */
export function toTransferColumn(pair: Pair, { timeZone }: QueueTable, format: CopyFormat): TransferColumn {
  const { maxLength, crossesZone } = pair.conversion.by === 'nothing' ? {} : pair.conversion;
  const stored = toStored(pair, format);
  return {
    name: pair.local.name,
    maxLength: maxLength ?? null,
    inZone: crossesZone === true ? (timeZone ?? null) : null,
    ...(stored === null ? {} : { stored }),
  };
}

function toStored(
  { local, remote, conversion }: Pair,
  format: CopyFormat,
): NonNullable<TransferColumn['stored']> | null {
  const isPrinted = conversion.by === 'text';
  if (local.baseType !== remote.baseType) return { asText: isPrinted, type: remote.isEnum ? null : remote.baseType };
  if (local.baseType === 'xml') return { asText: true, type: null }; // in either form its declaration is written anew
  // A computed NaN may have other bits than the one that is read from a text.
  const isFloat = local.baseType === 'real' || local.baseType === 'double precision';
  return format === 'text' && isFloat ? { asText: true, type: remote.baseType } : null;
}

/** True when both ends mean the same bytes. */
export function movesInBinary({ local, remote, conversion }: Pair): boolean {
  return conversion.by === 'binary' && local.isPortable && remote.isPortable;
}

/** True when the remote stores the values less exactly. */
export function isRounded({ conversion }: Pair): boolean {
  return conversion.by !== 'nothing' && conversion.rounds !== undefined;
}

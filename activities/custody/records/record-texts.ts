import { hasIsoForm, isoUtc } from '../../../src/postgres/iso-utc.js';

/**
 * What a stored record says, as SQL: the texts that its digest takes, named as `RecordTexts` names them, save those that are not
 * in its row.
 */
export function recordTexts(c: string): string {
  return `${c}.site,
              encode(${c}.content_digest, 'hex') as "contentDigest",
              ${c}.rows::text as rows,
              ${c}.already_there::text as "alreadyThere",
              ${c}.days,
              ${instant(`${c}.first_timestamp`)} as "firstTimestamp",
              ${instant(`${c}.last_timestamp`)} as "lastTimestamp",
              ${c}.claim::text as claim,
              ${c}.sent_by as "sentBy",
              host(${c}.sent_from) as "sentFrom",
              ${instant(`${c}.committed_at`)} as "committedAt"`;
}

/** The site writes no instant that has no ISO form; somebody else may, and a digest of it is then wrong. */
function instant(column: string): string {
  return `case when ${hasIsoForm(column)} then ${isoUtc(column)} else ${column}::text end`;
}

/** The digest of a list of columns as SQL, hexadecimal: what `digestColumns` computes, where a list is too long to be fetched. */
export function columnsDigestOf(l: string): string {
  const string = (text: string): string => `octet_length(convert_to(${text}, 'UTF8')) || ':' || ${text} || ','`;
  const texts = `'7:columns,' || ${string(`${l}.columns::text`)} || coalesce(${string(`${l}.day_column`)}, '-,')`;
  return `encode(sha256(convert_to(${texts}, 'UTF8')), 'hex')`;
}

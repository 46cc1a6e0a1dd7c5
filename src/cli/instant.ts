import { toDuration } from '../model/words.js';

/** An instant on the reader's clock, and how far it is: `2026-01-31 10:00:00Z (2 min ago)`; `unknown` for null. */
export function toInstant(iso: string | null, now: number, ifNull = 'unknown'): string {
  if (iso === null) return ifNull;
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return iso;
  return `${toLocalTime(at)} (${at <= now ? `${toDuration(now - at)} ago` : `in ${toDuration(at - now)}`})`;
}

/** In the time zone of this machine, which it names: `2026-01-31 11:00:00+01:00`. */
export function toLocalTime(at: number): string {
  const minutes = -new Date(at).getTimezoneOffset();
  const text = new Date(at + minutes * 60_000).toISOString().slice(0, 19).replace('T', ' ');
  if (minutes === 0) return `${text}Z`;
  const two = (part: number): string => String(Math.floor(part)).padStart(2, '0');
  const ahead = Math.abs(minutes);
  return `${text}${minutes < 0 ? '-' : '+'}${two(ahead / 60)}:${two(ahead % 60)}`;
}

import type { Status } from '../../model/status.js';
import { toInstant } from '../instant.js';
import { pendingOf } from '../../temporal/site-report.js';
import { type Painted, renderEnd, renderSilence, renderStatus } from '../render-status.js';
import type { Look } from './look.js';

/** A look as a page: the status as `status` shows it, and where it is an old one, since when. */
export function renderLook(
  siteId: string,
  look: Look,
  lastStatus: Status | null,
  painted: Painted & { readonly title: string },
): string {
  return [painted.paint('quiet', painted.title), '', ...toPage(siteId, look, lastStatus, painted)].join('\n');
}

function toPage(siteId: string, look: Look, lastStatus: Status | null, painted: Painted): string[] {
  const { paint } = painted;
  const { now } = look;
  if (look.found === 'nothing') {
    const { message, next } = look.error;
    const head = [`${paint('heading', `Site ${siteId}:`)} ${paint('bad', message)}`, `next: ${next}`];
    return lastStatus === null ? head : [...head, ...toOldFigures(lastStatus, now, painted)];
  }
  const { report, verdict } = look;
  if (report.seen === 'silent' && lastStatus === null) return [renderSilence(report, { verdict, now }, painted)];
  const status = report.seen === 'silent' ? lastStatus : report.status;
  if (status === null) return [renderEnd(siteId, { verdict, now }, painted)];
  const workers = report.seen === 'live' ? (report.pollers?.workers ?? []) : [];
  const page = renderStatus(status, { verdict, now, workers, pending: pendingOf(report) }, painted);
  return report.seen === 'silent' ? [page, '', toAge(status, now, paint)] : [page];
}

function toOldFigures(status: Status, now: number, painted: Painted): string[] {
  const { verdict } = status;
  return ['', toAge(status, now, painted.paint), '', renderStatus(status, { verdict, now }, painted)];
}

function toAge({ observedAt }: Status, now: number, paint: Painted['paint']): string {
  return paint('warning', `These figures are old: seen ${toInstant(observedAt, now, 'at an unknown time')}.`);
}

/** What a look says in one line, and what of it makes it another one than that before: figures that move do not. */
export function toLine(siteId: string, look: Look): { readonly text: string; readonly key: string } {
  if (look.found === 'nothing') {
    const { code, message, next } = look.error;
    return { text: `${siteId}: unknown: ${message}; next: ${next}`, key: code };
  }
  const { verdict, also } = { verdict: look.verdict, also: look.verdict.also };
  const next = verdict.next === null ? '' : `; next: ${verdict.next}`;
  const more = also.length === 0 ? '' : `; also: ${also.map(({ reason }) => reason).join('; ')}`;
  const key = [verdict, ...also].map((finding) => [finding.verdict, finding.card, finding.next].join(' ')).join('\n');
  return { text: `${siteId}: ${verdict.verdict}: ${verdict.reason}${next}${more}`, key };
}

import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import { setCurrentDetails, upsertMemo, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { toDetails } from '../src/model/details.js';
import { correctOldest, judgeLag } from '../src/model/lag.js';
import { isMemoDue, toMemo } from '../src/model/memo.js';
import type { SchedulerState } from '../src/model/state.js';
import { type Status, toStatus } from '../src/model/status.js';
import { nameState } from '../src/model/status-facts.js';
import { SEARCH_ATTRIBUTES, STATUS_MEMO } from '../src/model/wire.js';
import { OLDEST, type Site } from './site.js';
import { tellStatus } from './tell-worker.js';

/**
 * Shows the site's state in Temporal Web UI and in lists: current details, which cost nothing, and search attributes and a memo, which
 * cost a history event each and so are written only when they have to change.
 */
export function publish(site: Site): void {
  const status = toStatus(site.siteId, site.state);
  tellStatus(site);
  setCurrentDetails(toDetails(status));
  const changed = [
    ...ifChanged(SEARCH_ATTRIBUTES.site, site.siteId),
    ...ifChanged(SEARCH_ATTRIBUTES.state, nameState(site.state)),
    ...ifChanged(SEARCH_ATTRIBUTES.health, status.verdict.verdict),
    ...ifChanged(SEARCH_ATTRIBUTES.lag, judgeLag(site.state, site.state.reachedAt)),
    ...oldestIfChanged(site.state),
  ];
  if (changed.length > 0) upsertSearchAttributes(changed);
  if (isMemoDue(site.state, status.verdict)) writeMemo(site, status);
}

function writeMemo(site: Site, status: Status): void {
  const { reachedAt: at } = site.state;
  const { verdict, card } = status.verdict;
  upsertMemo({ [STATUS_MEMO]: toMemo(status, at) });
  site.state = { ...site.state, memo: { verdict, card, at } };
}

/**
 * Attributes outlive continue-as-new, so what is in force is asked of Temporal and not remembered here. One that the start did
 * not set is left alone: its namespace may lack it, and then every workflow task would fail, for ever.
 */
function ifChanged(name: string, value: string): SearchAttributeUpdatePair[] {
  const key = defineSearchAttributeKey(name, 'KEYWORD');
  const shown = workflowInfo().typedSearchAttributes.get(key);
  return shown === undefined || shown === value ? [] : [{ key, value }];
}

/** Absent, it says that nothing old waits: so whether the start has set it must be remembered. */
function oldestIfChanged(state: SchedulerState): SearchAttributeUpdatePair[] {
  if (state.showsOldest !== true) return [];
  const value = correctOldest(workflowInfo().typedSearchAttributes.get(OLDEST), state, state.reachedAt);
  return value === undefined ? [] : [{ key: OLDEST, value }];
}

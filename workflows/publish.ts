import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { toDetails } from '../src/model/details.js';
import { judgeLag } from '../src/model/lag.js';
import { toStatus } from '../src/model/status.js';
import { nameState } from '../src/model/status-facts.js';
import { SEARCH_ATTRIBUTES } from '../src/model/wire.js';
import type { Site } from './site.js';
import { tellStatus } from './tell-worker.js';

/**
 * Shows the site's state in Temporal Web UI: current details, which cost nothing, and search attributes, which cost a
 * history event and so are written only when one of them has changed.
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
  ];
  if (changed.length > 0) upsertSearchAttributes(changed);
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

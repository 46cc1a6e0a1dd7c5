import { defineSearchAttributeKey, type SearchAttributeUpdatePair } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { toDetails } from '../src/model/details.js';
import { judgeHealth, judgeLag } from '../src/model/health.js';
import { nameState, toStatus } from '../src/model/status.js';
import { SEARCH_ATTRIBUTES } from '../src/model/wire.js';
import type { Site } from './site.js';

/**
 * Shows the site's state in Temporal Web UI: current details, which cost nothing, and search attributes, which cost a
 * history event and so are written only when one of them has changed.
 */
export function publish(site: Site): void {
  const health = judgeHealth(site.state);
  setCurrentDetails(toDetails(toStatus(site.siteId, site.state), health));
  const changed = [
    ...ifChanged(SEARCH_ATTRIBUTES.site, site.siteId),
    ...ifChanged(SEARCH_ATTRIBUTES.state, nameState(site.state)),
    ...ifChanged(SEARCH_ATTRIBUTES.health, health),
    ...ifChanged(SEARCH_ATTRIBUTES.lag, judgeLag(site.state, Date.now())),
  ];
  if (changed.length > 0) upsertSearchAttributes(changed);
}

/** Attributes outlive continue-as-new, so what is in force is asked of Temporal and not remembered here. */
function ifChanged(name: string, value: string): SearchAttributeUpdatePair[] {
  const key = defineSearchAttributeKey(name, 'KEYWORD');
  return workflowInfo().typedSearchAttributes.get(key) === value ? [] : [{ key, value }];
}

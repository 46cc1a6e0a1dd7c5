import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CARDS } from '../../src/model/finding.js';

const rules = readFileSync(new URL('../../ops/prometheus/alerts.yml', import.meta.url), 'utf8');
const ruleTests = readFileSync(new URL('../../ops/prometheus/alerts.test.yml', import.meta.url), 'utf8');

/** `.ci/run` lets promtool run the tests of the rules. */
test('each alert names its card and a command, and has a test', () => {
  const alerts = rules.split('- alert: ').slice(1);
  expect(alerts.length).toBeGreaterThan(10);
  for (const alert of alerts) {
    expect(CARDS, alert).toContain(/card: (\w+)/.exec(alert)?.[1]);
    expect(alert).toMatch(/command: ['"](?:meter-sync|temporal) /);
    expect(ruleTests).toContain(`- name: ${/^\w+/.exec(alert)?.[0]}\n`);
  }
});

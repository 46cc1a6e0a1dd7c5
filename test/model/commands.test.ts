import { expect, test } from 'vitest';
import { markCommands } from '../../src/model/commands.js';

test.each([
  ['fix it, then run: meter-sync check', 'fix it, then run: [meter-sync check]'],
  [
    'Look again: meter-sync verify --site north --report FILE. Then start',
    'Look again: [meter-sync verify --site north --report FILE]. Then start',
  ],
  ['is kept (meter-sync resend); the customer', 'is kept ([meter-sync resend]); the customer'],
  ['meter-sync quarantine list --site north', '[meter-sync quarantine list --site north]'],
  [
    'METER_SYNC_ACTIVITY_TASK_QUEUE=q-1 meter-sync worker --site a.b',
    '[METER_SYNC_ACTIVITY_TASK_QUEUE=q-1 meter-sync worker --site a.b]',
  ],
  [
    'Run meter-sync verify --site a as the user of the worker',
    'Run [meter-sync verify --site a] as the user of the worker',
  ],
  ['run meter-sync check and look', 'run [meter-sync check] and look'],
  [
    'report this: temporal workflow show --workflow-id meter-sync:north',
    'report this: [temporal workflow show --workflow-id meter-sync:north]',
  ],
  ['a defect of meter-sync. The log', 'a defect of meter-sync. The log'],
])('in "%s" the commands are told from the rest', (text, marked) => {
  expect(markCommands(text, (command) => `[${command}]`)).toBe(marked);
});

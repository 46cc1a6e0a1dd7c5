import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { renderSettings } from '../../src/config/print/render-settings.js';

const PAGE = fileURLToPath(new URL('../../docs/settings.md', import.meta.url));

// After a change of the schema: npx vitest run test/config/render-settings.test.ts -u
test('docs/settings.md shows every setting as the schema has it', async () => {
  const page = await readFile(PAGE, 'utf8');
  const [before, rest = ''] = page.split(/(?<=<!-- settings:begin[^>]*-->\n)/);
  const after = rest.slice(rest.indexOf('<!-- settings:end -->'));
  await expect(`${before}\n${renderSettings()}\n\n${after}`).toMatchFileSnapshot(PAGE);
});

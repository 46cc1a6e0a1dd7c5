import type { Statement } from '../../src/postgres/statement.js';
import { withClient } from '../servers.js';

/** How the server ran a statement. */
export interface Explained {
  readonly milliseconds: number;
  /** Pages that it looked at, in memory or not; 8 KB each. */
  readonly pages: number;
  /** The nodes of the plan, outermost first. */
  readonly nodes: string;
}

/** Runs a statement after its settings in a transaction that is rolled back, and answers with how the server did it. */
export async function explain(
  url: string,
  { text, values }: Statement,
  settings: readonly Statement[],
): Promise<Explained> {
  return withClient(url, async (client) => {
    await client.query('begin');
    for (const setting of settings) await client.query(setting.text);
    const { rows } = await client.query<{ 'QUERY PLAN': readonly [PlanOutput] }>({
      text: `explain (analyze, buffers, format json) ${text}`,
      values: [...values],
    });
    await client.query('rollback');
    const output = rows[0]?.['QUERY PLAN'][0];
    if (output === undefined) throw new Error('the server explained nothing');
    const { Plan: plan } = output;
    return {
      milliseconds: output['Planning Time'] + output['Execution Time'],
      pages: (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0),
      nodes: nameNodes(plan).join(' > '),
    };
  });
}

interface PlanOutput {
  readonly Plan: PlanNode;
  readonly 'Planning Time': number;
  readonly 'Execution Time': number;
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Shared Hit Blocks'?: number;
  readonly 'Shared Read Blocks'?: number;
  readonly Plans?: readonly PlanNode[];
}

function nameNodes(node: PlanNode): string[] {
  const index = node['Index Name'] === undefined ? '' : ` (${node['Index Name']})`;
  return [node['Node Type'] + index, ...(node.Plans ?? []).flatMap(nameNodes)];
}

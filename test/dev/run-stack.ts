/** A process of its own that starts a stack, tells where it is, and stays until it is killed. */
import { startStack } from '../../src/dev/stack/stack.js';

const data = process.argv[2] || undefined;
const { local, remote, temporalAddress, folder } = await startStack({ data, env: process.env, tell: () => {} });
process.stdout.write(`${JSON.stringify({ local, remote, temporalAddress, folder })}\n`);

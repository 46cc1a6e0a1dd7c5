import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { findPython } from '../../support/python.js';

export const SCRIPT = fileURLToPath(new URL('../../../docs/verify_custody.py', import.meta.url));

/** What the auditors' verifier says with `--json`. */
export interface PythonAnswer {
  readonly exitCode: number;
  readonly verdict: 'proved' | 'not proved' | 'in doubt' | 'not checked';
  readonly doubts: readonly string[];
  readonly notProved: readonly string[];
}

/** The auditors' verifier, which is asked again and again in one process: to start it takes longer than to ask it. */
export interface PythonVerifier {
  readonly ask: (args: readonly string[]) => Promise<PythonAnswer>;
  readonly close: () => void;
}

const LOOP = `
import contextlib, io, json, os, sys
sys.path.insert(0, os.path.dirname(sys.argv[1])); sys.dont_write_bytecode = True
import verify_custody
for line in sys.stdin:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = verify_custody.main([*json.loads(line), '--json'])
    print(json.dumps({'verdict': 'not checked', 'doubts': [], 'notProved': [], **json.loads(said.getvalue() or '{}'), 'exitCode': code}), flush=True)
`;

export async function openPythonVerifier(): Promise<PythonVerifier> {
  const python = spawn(await findPython(), ['-c', LOOP, SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (args) => {
      python.stdin.write(`${JSON.stringify(args)}\n`);
      const { value, done } = await answers.next();
      if (done === true) throw new Error('the verifier has ended; what it said is above');
      return JSON.parse(value) as PythonAnswer;
    },
    close: () => void python.stdin.end(),
  };
}

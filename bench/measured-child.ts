import type { Contestant, Opened } from './contestant.js';
import { findDownloader } from './download/contestants.js';
import type { Answer, Job, Order } from './measured-process.js';
import { ownCpuSeconds } from './process-cpu.js';
import { findUploader } from './upload/contestants.js';

let opened: Opened | undefined;

/** Does what the benchmark's own process asks, and answers with what it cost. */
async function obey(order: Order): Promise<void> {
  if (order === 'run') await opened?.run();
  else if (order === 'close') await opened?.close();
  else opened = await open(order.open);
}

function open({ discipline, contestant, site }: Job): Promise<Opened> {
  const found = (discipline === 'upload' ? findUploader(contestant) : findDownloader(contestant)) as
    Contestant<unknown> | undefined;
  if (found === undefined) throw new Error(`there is no contestant '${contestant}'`);
  return found.open(site);
}

process.on('message', (order: Order) => {
  const [startedAt, cpuBefore] = [performance.now(), ownCpuSeconds()];
  const answer = (what: Answer): void => void process.send?.(what);
  obey(order).then(
    () =>
      answer({
        ok: true,
        seconds: (performance.now() - startedAt) / 1_000,
        cpuSeconds: ownCpuSeconds() - cpuBefore,
        peakRssBytes: process.resourceUsage().maxRSS * 1024,
      }),
    (error: unknown) =>
      answer({ ok: false, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on('disconnect', () => process.exit()); // the benchmark has ended in whatever way: nothing of it stays behind

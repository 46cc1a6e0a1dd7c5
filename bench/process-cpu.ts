import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** Seconds of CPU of this process, and of the programs that it started and that have ended. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6 + (readStat('self')?.endedChildrenSeconds ?? 0);
}

/** Seconds of CPU that a PostgreSQL server has used: of the postmaster, of its processes, and of those that have ended. */
export function serverCpuSeconds(postmaster: number): number {
  for (;;) {
    const parent = readStat(String(postmaster));
    const children = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(readStat)
      .filter((stat) => stat?.parent === postmaster);
    // A process that ends between the two looks would be counted twice or not at all.
    if (readStat(String(postmaster))?.endedChildrenSeconds !== parent?.endedChildrenSeconds) continue;
    return [parent, ...children].reduce(
      (sum, stat) => sum + (stat?.ownSeconds ?? 0) + (stat?.endedChildrenSeconds ?? 0),
      0,
    );
  }
}

/**
 * Seconds of CPU of a server's sessions that have ended, and of the postmaster, which made them. Not of the processes that write
 * and tidy up in the background: those work at times of their own.
 */
export function endedSessionsCpuSeconds(postmaster: number): number {
  const stat = readStat(String(postmaster));
  return (stat?.ownSeconds ?? 0) + (stat?.endedChildrenSeconds ?? 0);
}

/** Seconds of CPU that a process has used by itself. */
export function processCpuSeconds(pid: number): number {
  return readStat(String(pid))?.ownSeconds ?? 0;
}

interface ProcessStat {
  readonly parent: number;
  readonly ownSeconds: number;
  readonly endedChildrenSeconds: number;
}

/** Undefined when the process has ended meanwhile. */
function readStat(pid: string): ProcessStat | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // ended between the listing and the look
  }
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number); // the name may hold blanks and brackets
  const at = (field: number): number => (fields[field - 3] ?? 0) / TICKS_PER_SECOND; // numbers as in proc(5)
  return { parent: fields[1] ?? 0, ownSeconds: at(14) + at(15), endedChildrenSeconds: at(16) + at(17) };
}

/** Memory of a process that is in RAM, in bytes; null when it has ended. */
export function residentBytes(pid: number): number | null {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kilobytes === undefined ? null : Number(kilobytes) * 1024;
  } catch {
    return null; // ended meanwhile
  }
}

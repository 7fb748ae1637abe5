// The library that makes a process's calls on its spool fail, or cuts the power in one (preload/io-shim.c): compiled once.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface IoFault {
  readonly call: 'write' | 'sync' | 'truncate';
  /** The end of the file's name; any file's with `*`. */
  readonly file: string;
  readonly action: 'EIO' | 'ENOSPC' | 'COUNT' | { readonly powerCut: 0 | 1 | 2 } | { readonly slowMs: number };
  /** The first call that it meets, from 1. */
  readonly first: number;
  readonly times?: number;
}

const SOURCE = join(import.meta.dirname, 'preload/io-shim.c');
let library: string | null = null;

/** The environment of a process to which it happens; `report` gets a line each time it does. */
export function ioShim({ call, file, action, first, times = 1 }: IoFault, report: string): NodeJS.ProcessEnv {
  library ??= compile();
  return {
    LD_PRELOAD: library,
    FAULT_CALL: call,
    FAULT_FILE: file,
    FAULT_ACTION: nameOf(action),
    FAULT_FIRST: String(first),
    FAULT_TIMES: String(times),
    FAULT_REPORT: report,
  };
}

function nameOf(action: IoFault['action']): string {
  if (typeof action === 'string') return action;
  return 'slowMs' in action ? `SLOW${action.slowMs}` : `POWER${action.powerCut}`;
}

/** How often it has happened. */
export function happened(report: string): number {
  return existsSync(report) ? readFileSync(report, 'utf8').trimEnd().split('\n').length : 0;
}

function compile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dragonsink-shim-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const made = join(folder, 'io-shim.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', made, SOURCE, '-ldl'], { stdio: 'inherit' });
  return made;
}

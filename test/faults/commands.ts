// `dragonsink status` and `dragonsink ledger`, run as a user would, with what is used of their answers.
import { execFile } from 'node:child_process';
import type { Kind } from '../../src/schema/kinds.js';

type Range = readonly [number, number];

export interface StatusAnswer {
  readonly running: boolean;
  readonly ledger: readonly {
    readonly epoch: string;
    readonly kind: Kind;
    readonly next: number;
    readonly evicted: readonly Range[];
    readonly quarantined: readonly Range[];
  }[];
  readonly spool: { readonly waiting: number; readonly handed_over: number; readonly quarantined: number };
  readonly counts: {
    readonly accepted: number;
    readonly delivered: number;
    readonly evicted: Partial<Record<Kind, number>>;
    readonly evicted_handed_over: Partial<Record<Kind, number>>;
    /** These, and what follows, only a running kit knows. */
    readonly refused?: number;
    readonly resent?: number;
  };
  readonly link?: { readonly connected: boolean; readonly reconnects: number };
  /** What was heard waits to know the clock, for so long at most. */
  readonly clock_waits_s?: number;
}

export interface LedgerAnswer {
  readonly entries: readonly {
    readonly epoch: string;
    readonly kind: Kind;
    readonly received: readonly Range[];
    readonly evicted: readonly Range[];
    readonly quarantined: readonly Range[];
    readonly waiting: readonly Range[];
    readonly missing: readonly Range[];
    readonly refused: number;
    readonly merged: number;
    readonly rejected: number;
  }[];
  readonly rows: Readonly<Record<Kind, number>>;
  readonly doubled: number;
  readonly rejects: number;
}

export async function statusCommand(main: string, configFile: string): Promise<StatusAnswer> {
  return JSON.parse(await output([main, 'status', '--config', configFile, '--json'])) as StatusAnswer;
}

export async function ledgerCommand(main: string, databaseUrl: string): Promise<LedgerAnswer> {
  return JSON.parse(await output([main, 'ledger', '--database', databaseUrl, '--json'])) as LedgerAnswer;
}

/** The running kit's own answer, without a process in between. Null when it does not answer. */
export async function askStatus(port: number): Promise<StatusAnswer | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/status`, { signal: AbortSignal.timeout(10_000) });
    return (await response.json()) as StatusAnswer;
  } catch {
    return null;
  }
}

/** `status` of a kit that is not running ends with 3, and prints all the same. */
function output(argv: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...argv], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(`dragonsink ${argv.slice(1).join(' ')}: ${stderr || error?.message}`));
      else resolve(stdout);
    });
  });
}

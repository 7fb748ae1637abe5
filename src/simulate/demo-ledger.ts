// The two halves of the ledger held together: what the kit accepted, and what the server has of it.
import { execFile } from 'node:child_process';
import type { Kind } from '../schema/kinds.js';
import { Ranges } from '../schema/ranges.js';
import type { KitStatus } from '../schema/status.js';

/** What `dragonsink ledger --json` prints, as far as it is used here. */
interface ServerLedger {
  readonly entries: readonly {
    readonly kit_id: string;
    readonly epoch: string;
    readonly kind: Kind;
    readonly received: readonly [number, number][];
    readonly refused: number;
  }[];
  readonly rows: Record<Kind, number>;
  readonly doubled: number;
}

export interface LedgerLine {
  readonly kind: Kind;
  readonly epoch: string;
  readonly accepted: number;
  readonly received: number;
  readonly missing: number;
}

export interface Comparison {
  readonly lines: readonly LedgerLine[];
  readonly accepted: number;
  readonly stored: number;
  readonly missing: number;
  readonly duplicates: number;
  readonly refused: number;
}

/** What a command prints; `status` of a kit that has left ends with 3, "something is wrong", and prints all the same. */
function output(argv: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argv, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(`dragonsink ${argv.slice(1).join(' ')}: ${stderr || error?.message}`));
      else resolve(stdout);
    });
  });
}

/** Runs both commands as a user would, and compares seq by seq. */
export async function compareLedgers(main: string, configFile: string, databaseUrl: string): Promise<Comparison> {
  const kit = JSON.parse(await output([main, 'status', '--config', configFile, '--json'])) as KitStatus;
  const server = JSON.parse(await output([main, 'ledger', '--database', databaseUrl, '--json'])) as ServerLedger;
  const lines = kit.ledger.map(({ epoch, kind, next, evicted, quarantined }) => {
    const entry = server.entries.find((e) => e.kit_id === kit.kit_id && e.epoch === epoch && e.kind === kind);
    const received = new Ranges(entry?.received ?? []);
    const settled = new Ranges([...received.toJSON(), ...evicted, ...quarantined]);
    const missing = settled.gaps(1, next - 1).reduce((sum, [first, last]) => sum + (last - first + 1), 0);
    return { kind, epoch, accepted: next - 1, received: received.size, missing };
  });
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return {
    lines,
    accepted: sum(lines.map((line) => line.accepted)),
    stored: sum(Object.values(server.rows)),
    missing: sum(lines.map((line) => line.missing)),
    duplicates: server.doubled,
    refused: sum(server.entries.map((entry) => entry.refused)),
  };
}

// What the demo prints: a line a second, and what happens in between.
import { styleText } from 'node:util';
import { KINDS, type Kind } from '../schema/kinds.js';
import type { KitStatus } from '../schema/status.js';
import type { Comparison } from './demo-ledger.js';

export interface Tick {
  readonly second: number;
  readonly linkUp: boolean;
  readonly status: KitStatus | null;
  readonly stored: Record<Kind, number>;
  readonly latenciesS: readonly number[];
}

const WIDTH = 21;
const HEADER_EVERY = 20;

export class DemoView {
  private lines = 0;

  constructor(private readonly out: NodeJS.WriteStream) {}

  say(text: string): void {
    this.out.write(`${text}\n`);
  }

  event(text: string): void {
    this.say(styleText('bold', `---- ${text}`, { stream: this.out }));
  }

  tick({ second, linkUp, status, stored, latenciesS }: Tick): void {
    if (this.lines % HEADER_EVERY === 0) this.header();
    this.lines += 1;
    const kinds = KINDS.map((kind) => this.kind(kind, status, stored).padEnd(WIDTH)).join('');
    const link = styleText(linkUp ? 'green' : 'red', linkUp ? 'up  ' : 'DOWN', { stream: this.out });
    const spool = String(status?.spool.waiting ?? '-').padStart(6);
    this.say(`${String(second).padStart(4)} s  ${link}  ${spool}  ${kinds}${latency(latenciesS)}`);
  }

  private header(): void {
    this.say('');
    this.say('each kind: accepted > waiting in the spool > published > stored as rows');
    const names = KINDS.map((kind) => kind.padEnd(WIDTH)).join('');
    this.say(`  time  link   spool  ${names}detection -> row`);
  }

  private kind(kind: Kind, status: KitStatus | null, stored: Record<Kind, number>): string {
    const of = (record: unknown): number => (record as Partial<Record<Kind, number>> | undefined)?.[kind] ?? 0;
    const accepted = of(status?.counts['accepted_by_kind']);
    const waiting = of(status?.spool['waiting_by_kind']);
    return `${accepted}>${waiting}>${of(status?.link['published'])}>${stored[kind]}`;
  }

  ledger({ lines, accepted, stored, missing, duplicates, refused }: Comparison): void {
    this.say('');
    this.say("The ledger: the kit's half (`dragonsink status`) held against the server's (`dragonsink ledger`)");
    this.say(
      `${'kind'.padEnd(10)}${'epoch'.padEnd(18)}${'accepted'.padStart(9)}${'received'.padStart(10)}${'missing'.padStart(9)}`,
    );
    for (const { kind, epoch, ...n } of lines) {
      const numbers = `${String(n.accepted).padStart(9)}${String(n.received).padStart(10)}${String(n.missing).padStart(9)}`;
      this.say(`${kind.padEnd(10)}${epoch.padEnd(18)}${numbers}`);
    }
    this.say(
      `accepted ${accepted}, stored ${stored}, missing ${missing}, rows stored twice ${duplicates}, resends refused ${refused}`,
    );
  }
}

function latency(seconds: readonly number[]): string {
  if (seconds.length === 0) return '-';
  const sorted = [...seconds].sort((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} s, worst ${at(1)} s`;
}

// One process of dragonsink's under test: started, watched, killed, started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { becomes, Patience } from '../fixtures/patience.js';

export interface ProgramOptions {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Everything it says goes here, life after life. */
  readonly logFile: string;
  readonly isReady: (life: Program) => Promise<boolean> | boolean;
  /** It ended, and nobody had asked it to. */
  readonly onEnd: (why: string) => void;
}

/** C.2 I7. */
const READY_WITHIN_MS = 10_000;

/** One life of it, from its start to its end. */
export class Program {
  private readonly child: ChildProcess;
  private readonly logStart: number;
  private readonly ended: Promise<void>;
  private asked = false;

  constructor(private readonly options: ProgramOptions) {
    this.logStart = this.read().length;
    const log = openSync(options.logFile, 'a');
    this.child = spawn(process.execPath, [...options.argv], {
      env: { ...process.env, HTTP_PORT: '0', ...options.env },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.once('error', () => resolve());
    });
    // Whoever dies at a named point kills itself with SIGKILL.
    this.child.once('exit', (code, signal) => {
      if (!this.asked && signal !== 'SIGKILL') options.onEnd(`${options.name} ended by itself (${code ?? signal})`);
    });
  }

  get name(): string {
    return this.options.name;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get alive(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** What this life has said. */
  log(): string {
    return this.read().slice(this.logStart);
  }

  /** From here on its end is no surprise. */
  mayEnd(): this {
    this.asked = true;
    return this;
  }

  /** @throws when it is not ready in time. */
  async ready(withinMs = READY_WITHIN_MS): Promise<void> {
    const patience = new Patience(withinMs);
    while (!(await this.options.isReady(this))) {
      if (!this.alive) throw new Error(`I7: ${this.name} ended when it should have started: ${lastLine(this.log())}`);
      if (patience.isOver)
        throw new Error(`I7: ${this.name} is not ready after ${Math.round(patience.waitedMs / 1_000)} s`);
      await sleep(50);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async end(signal: NodeJS.Signals = 'SIGTERM', patienceMs = 15_000): Promise<void> {
    this.asked = true;
    if (this.alive) {
      this.child.kill(signal);
      this.child.kill('SIGCONT'); // a stopped one hears nothing else
    }
    const timer = setTimeout(() => this.child.kill('SIGKILL'), patienceMs);
    await this.ended;
    clearTimeout(timer);
  }

  /** Resolves false when it still lives after `withinMs`. */
  async gone(withinMs: number): Promise<boolean> {
    return becomes(() => !this.alive, withinMs);
  }

  private read(): string {
    try {
      return readFileSync(this.options.logFile, 'utf8');
    } catch {
      return '';
    }
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}

// What a run has started is undone in the end, also after a failure and on Ctrl-C: the last first.

type Undo = () => Promise<void> | void;

/** Of all runs of this process, for a signal. */
const open = new Set<Cleanup>();
let leaving = false;

/** Everything is being stopped: what fails from here on says nothing. */
export function isLeaving(): boolean {
  return leaving;
}

export class Cleanup {
  private readonly undos: Undo[] = [];

  constructor() {
    open.add(this);
  }

  add(undo: Undo): void {
    if (leaving)
      void undo(); // its turn would never come
    else this.undos.push(undo);
  }

  /** One that fails does not keep the others from their turn. */
  async run(): Promise<void> {
    for (let undo = this.undos.pop(); undo !== undefined; undo = this.undos.pop()) {
      try {
        await undo();
      } catch (error: unknown) {
        process.stderr.write(`cleaning up: ${String(error)}\n`);
      }
    }
    open.delete(this);
  }
}

/** Also when this process itself fails. */
export function cleanUpOnSignals(): void {
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.on(signal, () => leave(`\n${signal}: stopping everything`, 128 + number));
  }
  process.on('uncaughtException', (error) => leave(error.stack ?? error.message, 1));
}

function leave(why: string, code: number): void {
  if (leaving) return;
  leaving = true;
  process.stderr.write(`${why}\n`);
  void Promise.all([...open].map((cleanup) => cleanup.run())).then(() => process.exit(code));
}

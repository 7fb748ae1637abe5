// A value that tells whoever watches when it changes.

export class Watched<Value> {
  private readonly watchers = new Set<(value: Value) => void>();

  constructor(private current: Value) {}

  get value(): Value {
    return this.current;
  }

  set(value: Value): void {
    this.current = value;
    for (const watcher of [...this.watchers]) watcher(value);
  }

  /** Told at once, and at each change. */
  watch(watcher: (value: Value) => void): void {
    this.watchers.add(watcher);
    watcher(this.current);
  }
}

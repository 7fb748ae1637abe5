// What was accepted of late. An observation is shown by DragonSync's API and pushed over MQTT, in copies of which a later one
// may know more, and not always in the order in which it was made.

export interface Observation {
  readonly mark: string;
  /** The digests of what was pushed of it; null when the API showed it, which shows all there is. */
  readonly contents: Set<string> | null;
}

/** More things than are heard within the minute for which DragonSync repeats each; spoofed ids must not fill the memory. */
const MAX_THINGS = 5_000;
/** For what overtakes: a slow answer of the API is a few seconds old. */
const MAX_OBSERVATIONS = 8;

export class Recent {
  private readonly things = new Map<string, Observation[]>();

  /** Undefined when it was not accepted of late: that of the spool's memory counts then. */
  find(thing: string, mark: string): Observation | undefined {
    return this.things.get(thing)?.find((observation) => observation.mark === mark);
  }

  /** It was accepted: `content` is the digest of a pushed one. */
  add(thing: string, mark: string, content: string | null): void {
    const observations = this.things.get(thing) ?? [];
    const known = observations.find((observation) => observation.mark === mark);
    if (known === undefined) observations.push({ mark, contents: content === null ? null : new Set([content]) });
    else if (content !== null) known.contents?.add(content);
    if (observations.length > MAX_OBSERVATIONS) observations.shift();
    this.things.delete(thing); // the one heard of last is the last to be forgotten
    this.things.set(thing, observations);
    const [oldest] = this.things.keys();
    if (this.things.size > MAX_THINGS && oldest !== undefined) this.things.delete(oldest);
  }
}

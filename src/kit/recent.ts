// What was accepted of late. An observation is shown by DragonSync's API and pushed over MQTT, in copies of which a later one
// may know more, and not always in the order in which it was made.
import type { Merged } from '../dragonsync/published.js';

export interface Copy {
  /** The digest of what was pushed; null when the API showed it. */
  readonly content: string | null;
  /** What DragonSync may still merge into it. */
  readonly lacks: readonly Merged[];
}

export interface Observation {
  readonly mark: string;
  /** The digests of what was pushed of it; null when the API showed it first, whose form has digests of its own. */
  readonly contents: Set<string> | null;
  lacks: readonly Merged[];
}

/** More things than are heard within the minute for which DragonSync repeats each; spoofed ids must not fill the memory. */
const MAX_THINGS = 5_000;
/** For what overtakes: a slow answer of the API is a few seconds old. */
const MAX_OBSERVATIONS = 8;
/** Of one observation DragonSync pushes two or three that differ; whoever pushes more makes them up. */
const MAX_CONTENTS = 8;

export class Recent {
  private readonly things = new Map<string, Observation[]>();

  /** Undefined when it was not accepted of late: that of the spool's memory counts then. */
  find(thing: string, mark: string): Observation | undefined {
    return this.things.get(thing)?.find((observation) => observation.mark === mark);
  }

  /** It was accepted. */
  add(thing: string, mark: string, { content, lacks }: Copy): void {
    const observations = this.things.get(thing) ?? [];
    const known = observations.find((observation) => observation.mark === mark);
    if (known === undefined) observations.push({ mark, contents: content === null ? null : new Set([content]), lacks });
    else {
      if (content !== null) known.contents?.add(content);
      known.lacks = known.lacks.filter((part) => lacks.includes(part));
    }
    if (observations.length > MAX_OBSERVATIONS) observations.shift();
    this.things.delete(thing); // the one heard of last is the last to be forgotten
    this.things.set(thing, observations);
    const [oldest] = this.things.keys();
    if (this.things.size > MAX_THINGS && oldest !== undefined) this.things.delete(oldest);
  }
}

/**
 * DragonSync's sink merges pilot, home and look-ups into what it sent before, or its API showed, under the same time; and it
 * repeats all of these copies, so that one of before comes after one that knows more.
 */
export function knowsMore(copy: Copy, known: Observation): boolean {
  const { content, lacks } = copy;
  if (content === null || isOfBefore(copy, known)) return false;
  if (known.contents === null) return known.lacks.some((part) => !lacks.includes(part));
  return known.contents.size < MAX_CONTENTS && !known.contents.has(content);
}

/** It lacks what was merged by then. */
export function isOfBefore(copy: Pick<Copy, 'lacks'>, known: Pick<Copy, 'lacks'>): boolean {
  return copy.lacks.some((part) => !known.lacks.includes(part));
}

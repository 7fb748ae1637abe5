// The drones that are announced to Home Assistant, at most so many, and for how long each has been gone. Kept in the
// spool, so that a kit that was restarted still takes back what it has announced.
import { isObject, parseJson } from '../../base/json.js';
import type { Spool } from '../../spool/spool.js';

export interface Drone {
  readonly id: string;
  /** The parts of the unique ids of its entities. */
  readonly entities: Set<string>;
  /** When it was last heard, on a monotonic clock; of one that was remembered, as if that had run on. */
  heardAtMs: number;
  isHere: boolean;
  /** The topic of the will of the kit that announced it last; null while nothing was seen of it on the broker. */
  announcer: string | null;
  /** Somebody has to announce it (again), and this kit hears it. */
  isDue: boolean;
  announcedAtMs: number;
}

/** Each is about twenty retained messages on the broker, and as many entities in Home Assistant. */
export const MAX_DRONES = 100;
const NOTE = 'home_assistant';

export class Announced {
  /** The one that was heard last at the end. */
  private readonly drones = new Map<string, Drone>();

  constructor(
    private readonly spool: Pick<Spool, 'note' | 'setNote'>,
    nowMs: number,
  ) {
    for (const [id, goneMs] of Object.entries(remembered(spool.note(NOTE)))) {
      if (typeof goneMs === 'number') this.drones.set(id, newDrone(id, nowMs - goneMs));
    }
  }

  get(id: string): Drone | undefined {
    return this.drones.get(id);
  }

  all(): Drone[] {
    return [...this.drones.values()];
  }

  get isFull(): boolean {
    return this.drones.size >= MAX_DRONES;
  }

  /** The one that has been gone for longest. */
  longestGone(): Drone | null {
    return this.all().find(({ isHere }) => !isHere) ?? null;
  }

  add(id: string, nowMs: number): Drone {
    const drone = newDrone(id, nowMs);
    this.drones.set(id, drone);
    return drone;
  }

  heard(drone: Drone, nowMs: number): void {
    drone.heardAtMs = nowMs;
    drone.isHere = true;
    this.drones.delete(drone.id);
    this.drones.set(drone.id, drone);
  }

  forget(id: string): void {
    this.drones.delete(id);
  }

  /**
   * `takenBack`: those whose removal the broker has not confirmed yet.
   *
   * @throws SpoolError when it can't be kept.
   */
  save(nowMs: number, takenBack: Iterable<string>): void {
    const goneMs: [string, number][] = [...takenBack].map((id) => [id, Number.MAX_SAFE_INTEGER]);
    for (const { id, heardAtMs } of this.drones.values()) goneMs.push([id, Math.round(nowMs - heardAtMs)]);
    this.spool.setNote(NOTE, JSON.stringify(Object.fromEntries(goneMs)));
  }
}

function newDrone(id: string, heardAtMs: number): Drone {
  const never = Number.NEGATIVE_INFINITY;
  return { id, entities: new Set(), heardAtMs, isHere: false, announcer: null, isDue: false, announcedAtMs: never };
}

function remembered(note: string | null): Record<string, unknown> {
  const found = note === null ? null : parseJson(note);
  return isObject(found) ? found : {};
}

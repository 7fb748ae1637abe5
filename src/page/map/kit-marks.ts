// The kits as the map shows them: where each is now, or where it was and how it did at a moment of the past.
import type { Kit } from '../../schema/web/answers.js';
import type { KitHealth } from '../../schema/web/shapes.js';
import type { KitMark } from './draw-kits.js';
import type { KitPaths } from './kit-paths.js';
import { toWorld } from './mercator.js';

/** A kit says how it is every 30 s: one that has not for so long was away. */
const AWAY_MS = 120_000;

/** Beside the keys of what flies. */
export function kitKey(kitId: string): string {
  return `kit ${kitId}`;
}

/** Its path is often newer than the list of kits; what a replay brought tells of the past, however new it is. */
export function marksOfNow(kits: readonly Kit[], paths: KitPaths): KitMark[] {
  return kits.flatMap((kit) => {
    const { kit_id: kitId, position, state } = kit;
    const trail = paths.of(kitId);
    const last = trail.findLast(({ replay }) => !replay);
    const isNewer = last !== undefined && (position === null || last.atMs > Date.parse(position.at));
    const place = isNewer ? last.place : position;
    return place === null ? [] : [markOf(kit, place, state === 'online', trail)];
  });
}

/** Without those of which the database knows no place until then. */
export function marksOfThen(kits: readonly Kit[], paths: KitPaths, atMs: number): KitMark[] {
  return kits.flatMap((kit) => {
    const trail = paths.of(kit.kit_id);
    const last = trail.at(-1);
    return last === undefined ? [] : [markOf(kit, last.place, atMs - last.atMs < AWAY_MS, trail)];
  });
}

function markOf(
  { kit_id: kitId, name }: Kit,
  { lat, lon }: KitMark['place'],
  online: boolean,
  trail: KitMark['trail'],
): KitMark {
  return { key: kitKey(kitId), label: name ?? kitId, place: { lat, lon }, world: toWorld(lat, lon), online, trail };
}

/** What the database tells of it at that time; how its spool and its ledger were then, nobody keeps. */
export function kitOfThen(kit: Kit, health: KitHealth | null): Kit {
  const { lat = null, lon = null, alt = null, time = '' } = health ?? {};
  return {
    ...kit,
    last_contact_at: health?.time ?? null,
    position: lat === null || lon === null ? null : { lat, lon, alt, at: time },
    health,
    sink: null,
    ledger: null,
    problems: [],
  };
}

// Which texts name a kit.

/** Until a kit knows itself DragonSync calls it this; publishing under it would mix kits up for ever. */
export const UNKNOWN_KIT = 'wardragon-unknown';

const KIT_ID = /^[A-Za-z0-9._-]{1,64}$/;

export function isKitId(value: unknown): value is string {
  return typeof value === 'string' && KIT_ID.test(value) && value !== UNKNOWN_KIT;
}

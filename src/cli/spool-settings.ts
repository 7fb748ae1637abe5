// [SPOOL] as the spool takes it.
import { EVICTION_ORDER } from '../kit/classes.js';
import type { KitSettings } from '../settings/kit-settings.js';
import type { OpenSpoolOptions } from '../spool/open-spool.js';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;

export function spoolOptions({
  path,
  max_mb,
  max_age_h,
  min_free_mb,
  evict,
}: KitSettings['SPOOL']): Omit<OpenSpoolOptions, 'onDamaged'> {
  return {
    path,
    classes: EVICTION_ORDER,
    limits: { maxBytes: max_mb * MIB, minFreeBytes: min_free_mb * MIB, maxAgeMs: max_age_h * HOUR_MS, evict },
  };
}

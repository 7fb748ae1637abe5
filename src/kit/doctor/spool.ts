// Doctor: whether the spool can be read and written, and has room.
import { accessSync, constants, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Check, fail, failed, ok, warn } from '../../base/check.js';
import { errorCode, toError } from '../../base/errors.js';
import type { SpoolCounts } from '../../spool/spool.js';

export interface SpoolLimits {
  readonly path: string;
  readonly maxBytes: number;
  readonly minFreeBytes: number;
}

const FULL = 0.8;

export function checkDisk({ path, minFreeBytes }: SpoolLimits): Check {
  const folder = dirname(path);
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    const text = `${megabytes(free)} free at ${folder}`;
    const fix = 'free some space there, or move [SPOOL] path to a larger disk';
    if (free < minFreeBytes) {
      return fail('disk', `${text}, less than min_free_mb: each new message pushes out an older one`, fix);
    }
    if (free < 2 * minFreeBytes)
      return warn('disk', `${text}, and from ${megabytes(minFreeBytes)} on the spool stops growing`, fix);
    return ok('disk', text);
  } catch (thrown: unknown) {
    if (errorCode(thrown) === 'ENOENT') return fail('disk', `there is no folder ${folder}`, `mkdir -p ${folder}`);
    return fail(
      'disk',
      toError(thrown).message,
      `run this as the kit's user, or with sudo; who may write to ${folder}?`,
    );
  }
}

/** `counts` reads the spool; it throws SpoolError. */
export function checkSpool({ maxBytes }: SpoolLimits, counts: () => SpoolCounts): Check {
  let found: SpoolCounts;
  try {
    found = counts();
  } catch (thrown: unknown) {
    if (errorCode(thrown) === 'missing') return ok('spool', 'none yet: the first start of dragonsink kit makes it');
    return failed('spool', thrown);
  }
  const { waiting, handedOver, quarantined, bytes } = found;
  const text = `${waiting + handedOver} messages, ${megabytes(bytes)} of ${megabytes(maxBytes)}`;
  if (quarantined > 0) return warn('spool', `${text}; ${quarantined} set aside in quarantine`, 'dragonsink spool list');
  // Its file never shrinks by itself: only what is in it says that it fills up.
  if (bytes > FULL * maxBytes && waiting > 0) {
    return warn('spool', `${text}: soon the oldest go`, 'bring the kit online, or raise [SPOOL] max_mb');
  }
  return ok('spool', text);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / (1024 * 1024))} MB`;
}

// Tells a listener of a commit: whoever hears of one can't undo it, or keep the next from coming.
import { toError } from '../base/errors.js';
import type { Logger } from '../base/log.js';

export function tell(log: Logger, listener: () => void): void {
  try {
    listener();
  } catch (thrown: unknown) {
    const { message, stack } = toError(thrown);
    log.error({ stack }, `telling of a commit: ${message}`);
  }
}

// systemd's door: says when we are ready, alive and leaving, where a service manager wants to hear it (sd_notify(3)).
import { execFile } from 'node:child_process';

export interface ServiceManager {
  /** It ends us when it has not heard WATCHDOG=1 for so many milliseconds; null when it does not watch. */
  readonly watchdogMs: number | null;
  /**
   * Resolves when it has read the lines, such as `READY=1`.
   *
   * @throws Error when systemd-notify is missing, or does not end within 10 s.
   */
  tell(...lines: string[]): Promise<void>;
}

/** Node has no datagram sockets of AF_UNIX; this program is a part of systemd. */
const NOTIFY = 'systemd-notify';
const TIMEOUT_MS = 10_000;

/** Null when nobody asked (no Type=notify, or no systemd at all). */
export function serviceManager(env: NodeJS.ProcessEnv = process.env): ServiceManager | null {
  if (!env['NOTIFY_SOCKET']) return null;
  return {
    watchdogMs: watchdogMs(env),
    tell: (...lines) =>
      new Promise((resolve, reject) => {
        execFile(NOTIFY, lines, { env, timeout: TIMEOUT_MS }, (error) => (error ? reject(error) : resolve()));
      }),
  };
}

/** WATCHDOG_PID names the process that is meant, where it is set. */
function watchdogMs(env: NodeJS.ProcessEnv): number | null {
  const microseconds = Number(env['WATCHDOG_USEC']);
  const isMeant = [undefined, String(process.pid)].includes(env['WATCHDOG_PID']);
  return isMeant && microseconds > 0 ? microseconds / 1_000 : null;
}

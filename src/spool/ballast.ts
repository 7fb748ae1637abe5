// Disk space held in reserve. On a full disk SQLite can't even delete, as the WAL has nowhere to grow: then the ballast
// makes way, and the spool can drain.
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { bytesOf, SIDE_FILES } from './spool-reader.js';

/** Not zeros: a file system that compresses would hold nothing in reserve. */
const CHUNK = randomBytes(64 * 1024);

export class Ballast {
  private readonly file: string;

  constructor(
    spoolPath: string,
    private readonly bytes: number,
  ) {
    this.file = spoolPath + SIDE_FILES.ballast;
  }

  /** What the disk still has to give for it. */
  get missingBytes(): number {
    return Math.max(0, this.bytes - bytesOf(this.file));
  }

  /** Puts it there, or as much of it as the disk can spare: without one the spool works, only not on a full disk. */
  restore(spareBytes: number): void {
    try {
      if (bytesOf(this.file) > this.bytes) this.drop();
      this.append(Math.min(this.missingBytes, availableBytes(this.file) - spareBytes));
    } catch {
      // Somebody else was quicker to take the room, or the folder is gone.
    }
  }

  private append(bytes: number): void {
    if (bytes <= 0) return;
    const fd = openSync(this.file, 'a', 0o600);
    try {
      for (let left = bytes; left > 0; left -= CHUNK.length) writeSync(fd, CHUNK, 0, Math.min(left, CHUNK.length));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** False when there was none. */
  drop(): boolean {
    if (bytesOf(this.file) === 0) return false;
    rmSync(this.file);
    return true;
  }
}

/** What a process that is not root can still write beside `file`. */
export function availableBytes(file: string): number {
  const { bavail, bsize } = statfsSync(dirname(file));
  return bavail * bsize;
}

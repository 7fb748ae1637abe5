// Writes a file so that it is there whole or not at all: under another name first, synced, then put in place.
import { open, rename, rm } from 'node:fs/promises';

export interface Belonging {
  /** Permissions, whatever the umask. */
  readonly mode?: number;
  /** Of whoever runs this, unless given. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export async function writeWholeFile(
  path: string,
  chunks: Iterable<string>,
  { mode = 0o600, owner }: Belonging = {},
): Promise<void> {
  const unfinished = `${path}.part`;
  // Not the one that another user may have put there and holds open.
  await rm(unfinished, { force: true });
  const file = await open(unfinished, 'wx', 0o600);
  try {
    if (owner !== undefined) await file.chown(owner.uid, owner.gid);
    await file.chmod(mode);
    for (const chunk of chunks) await file.appendFile(chunk);
    await file.sync();
    await file.close();
    await rename(unfinished, path);
  } catch (error: unknown) {
    await file.close().catch(() => {}); // closed already, or the error above says it better
    await rm(unfinished, { force: true });
    throw error;
  }
}

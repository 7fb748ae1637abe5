// Writes a file so that it is there whole or not at all: under another name first, synced, then put in place.
import { open, rename, rm } from 'node:fs/promises';

export async function writeWholeFile(path: string, chunks: Iterable<string>): Promise<void> {
  const unfinished = `${path}.part`;
  const file = await open(unfinished, 'w', 0o600);
  try {
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

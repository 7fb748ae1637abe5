// Waiting that ends: for what a benchmark waits for may never come, and an hour of other rows would go with it.

/** @throws when it is not there in that time. */
export async function within<T>(what: string, seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${seconds} s: ${what}`)), seconds * 1_000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Processor seconds of this process from now on: of the generator, where what is measured are processes of their own. */
export function cpuFromNow(): () => number {
  const begun = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1e6;
  };
}

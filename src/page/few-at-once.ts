// Many questions of one kind, a few at a time: the server takes so many at once of all pages together, and refuses the rest.

/** Of the 64 that it takes (server/web/api.ts), so that several pages may ask; a browser has six connections anyway. */
const AT_ONCE = 4;

/** @returns the answers, in the order of `items`. @throws what the first that failed threw; no more are asked then. */
export async function fewAtOnce<Item, Answer>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const waiting = [...items.entries()].reverse();
  const askOn = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [i, item] = next;
      answers[i] = await ask(item);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, askOn));
  } finally {
    waiting.length = 0;
  }
  return answers;
}

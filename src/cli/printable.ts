// What came from the air or from another machine, as a terminal may get it: control sequences in it would be obeyed, and
// marks of the direction of writing would make it look like something else.

const UNSEEN = /[\p{Cc}\p{Cf}]/gu;

/** On one line. */
export function printable(text: string): string {
  return text.replace(UNSEEN, (char) =>
    char === '\n' || char === '\t' ? ' ' : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** JSON on several lines, which stays the same JSON. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(UNSEEN, (char) => (char === '\n' ? char : escaped(char)));
}

function escaped(char: string): string {
  return [...Array(char.length).keys()].map((i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
}

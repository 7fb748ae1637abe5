// Text from outside as a terminal may have it: ids and descriptions come from the air, and may hold what moves the cursor,
// colours the screen, or turns a line around.

/** Control characters, invisible ones that change direction or hide text, and accents stacked higher than any script does. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]|(?<=\p{M}{2})\p{M}/gu;
/** The same in JSON, where those below a space are escaped already, or make its lines. */
const UNPRINTABLE_IN_JSON = /[\u007f-\u009f\p{Cf}\p{Co}\p{Zl}\p{Zp}]|(?<=\p{M}{2})\p{M}/gu;

/** On one line, with all that is not plainly visible as `\u{9b}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => {
    return char === '\n' || char === '\t' ? ' ' : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** The same JSON, with all that is not plainly visible escaped: who parses it gets the same. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE_IN_JSON, (char) => {
    const units = Array.from({ length: char.length }, (_, i) => char.charCodeAt(i).toString(16).padStart(4, '0'));
    return units.map((unit) => `\\u${unit}`).join('');
  });
}

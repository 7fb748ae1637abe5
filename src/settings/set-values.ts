// Sets keys in a configuration file that a person keeps: everything else in it stays as it is, comments too.

/** By key; null takes a key out. */
export type NewValues = Readonly<Record<string, string | null>>;

/**
 * A config.ini with these keys set in `section`. A key that is there is changed where it stands, one that is commented out
 * as an example is set below that, and another one at the end of the section.
 */
export function setIniValues(text: string, section: string, values: NewValues): string {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const isHeader = (line: string): boolean => /^\s*\[/.test(line);
  const named = new RegExp(`^\\s*\\[\\s*${section}\\s*\\]`, 'i');
  let start = lines.findIndex((line) => named.test(line));
  if (start < 0) {
    if (lines.length > 0) lines.push('');
    start = lines.push(`[${section}]`) - 1;
  }
  const after = lines.findIndex((line, i) => i > start && isHeader(line));
  const end = after < 0 ? lines.length : after;
  const inside = setLines(lines.slice(start + 1, end), values, ' = ');
  return `${[...lines.slice(0, start + 1), ...inside, ...lines.slice(end)].join('\n')}\n`;
}

/** The same for a file of environment variables. */
export function setVariables(text: string, values: NewValues): string {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  return `${setLines(lines, values, '=').join('\n')}\n`;
}

function setLines(before: readonly string[], values: NewValues, equals: string): string[] {
  const lines = [...before];
  for (const [key, value] of Object.entries(values)) {
    const isSet = new RegExp(`^\\s*${key}\\s*=`, 'i');
    const isExample = new RegExp(`^\\s*[#;]\\s*${key}\\s*=`, 'i');
    const place = lines.findIndex((line) => isSet.test(line));
    const example = lines.findIndex((line) => isExample.test(line));
    const kept = lines.filter((line, i) => i === place || !isSet.test(line));
    lines.splice(0, lines.length, ...kept);
    if (place >= 0) lines.splice(place, 1, ...(value === null ? [] : [`${key}${equals}${value}`]));
    else if (value !== null) lines.splice(example >= 0 ? example + 1 : endOf(lines), 0, `${key}${equals}${value}`);
  }
  return lines;
}

/** Before the empty lines that set the next section apart. */
function endOf(lines: readonly string[]): number {
  return lines.findLastIndex((line) => line.trim() !== '') + 1;
}

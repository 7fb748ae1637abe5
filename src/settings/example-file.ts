// The example files, from what is known of each setting: what is commented out is the default.
import { KIT_SPEC } from './kit-spec.js';
import { SERVER_SPEC } from './server-spec.js';
import type { Section, Setting } from './spec.js';

const WIDTH = 100;

const KIT_HEAD = `# dragonsink on a kit. Made by: dragonsink config example
#
# A comment begins a line, or follows a space and # or ;. In a password nothing is cut. Quotes delimit.
# A setting that is commented out has its default. Try it with: dragonsink config check --config FILE
`;

const SERVER_HEAD = `# dragonsink server, as environment variables. Made by: dragonsink config example --server
#
# A variable that is commented out, or empty, has its default. Try it with: dragonsink config check --server
`;

export function kitExample(): string {
  const sections = Object.entries(KIT_SPEC).map(([name, section]) => {
    return `[${name}]\n\n${describeSection(section, ' = ')}`;
  });
  return [KIT_HEAD, ...sections].join('\n');
}

export function serverExample(): string {
  return `${SERVER_HEAD}\n${describeSection(SERVER_SPEC, '=')}`;
}

function describeSection(section: Section, equals: string): string {
  return Object.entries(section)
    .map(([key, setting]) => describeSetting(key, setting, equals))
    .join('\n');
}

function describeSetting(key: string, setting: Setting<unknown>, equals: string): string {
  const { doc, limits, example, required, default: fallback, aliases } = setting;
  const also = aliases === undefined ? '' : `Also: ${aliases.join(', ')}.`;
  const text = wrap([doc, also, limits].filter((part) => part !== '').join(' '));
  const sample = example === undefined ? '' : `\n# For example: ${example}`;
  const line = `${key}${equals}${String(fallback)}`.trimEnd();
  return `${text}${sample}\n${required ? '' : '#'}${line}\n`;
}

function wrap(text: string): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.length - 1;
    const longer = `${lines[last]} ${word}`;
    if (lines[last] !== '' && longer.length > WIDTH) lines.push(` ${word}`);
    else lines[last] = longer;
  }
  return lines.map((line) => `#${line}`).join('\n');
}

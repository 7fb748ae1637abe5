// `dragonsink completion`: what a shell needs to complete our commands and options, made from the commands themselves.

/** As commander has them. */
export interface CompletedCommand {
  name(): string;
  description(): string;
  readonly commands: readonly CompletedCommand[];
  readonly options: readonly CompletedOption[];
  readonly registeredArguments: readonly { readonly argChoices?: readonly string[] | undefined }[];
}

interface CompletedOption {
  readonly short?: string | undefined;
  readonly long?: string | undefined;
  readonly flags: string;
  readonly description: string;
  readonly required: boolean;
  readonly optional: boolean;
  readonly argChoices?: readonly string[] | undefined;
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export async function completionCommand(shell: Shell, program: CompletedCommand): Promise<number> {
  const script = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell];
  process.stdout.write(script(program.name(), levelsOf(program)));
  return 0;
}

/** A command and what may follow it. */
interface Level {
  /** The subcommands that lead to it; empty for the program itself. */
  readonly path: readonly string[];
  readonly words: readonly { readonly word: string; readonly description: string }[];
  readonly options: readonly CompletedOption[];
  readonly isCommandNext: boolean;
}

const HELP: CompletedOption = {
  short: '-h',
  long: '--help',
  flags: '-h, --help',
  description: 'what this command does',
  required: false,
  optional: false,
};

function levelsOf(command: CompletedCommand, path: readonly string[] = []): Level[] {
  const subcommands = command.commands.map((one) => ({ word: one.name(), description: one.description() }));
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const words = [...subcommands, ...choices.map((word) => ({ word, description: '' }))];
  const options = [...command.options, HELP];
  const own = { path, words, options, isCommandNext: subcommands.length > 0 };
  return [own, ...command.commands.flatMap((one) => levelsOf(one, [...path, one.name()]))];
}

function takesFile({ flags }: CompletedOption): boolean {
  return /<file>/.test(flags);
}

function takesValue({ required, optional }: CompletedOption): boolean {
  return required || optional;
}

function flagsOf({ short, long }: CompletedOption): string[] {
  return [short, long].filter((flag) => flag !== undefined);
}

/** For a shell, between single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Which command we are in is found by walking the words; an option's value is not taken for a command. */
function bashScript(program: string, levels: readonly Level[]): string {
  const cases = levels.map(({ path, words, options }) => {
    const all = [...words.map(({ word }) => word), ...options.flatMap(flagsOf)];
    const ofFiles = options.filter(takesFile).flatMap(flagsOf);
    const ofWords = options.filter(({ argChoices }) => (argChoices?.length ?? 0) > 0);
    const others = options.filter((one) => takesValue(one) && !takesFile(one) && !ofWords.includes(one));
    const byOption = [
      ...ofWords.map(
        (one) =>
          [flagsOf(one), `COMPREPLY=($(compgen -W ${quoted((one.argChoices ?? []).join(' '))} -- "$cur"))`] as const,
      ),
      ...(ofFiles.length > 0 ? [[ofFiles, 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))'] as const] : []),
      ...(others.length > 0 ? [[others.flatMap(flagsOf), 'COMPREPLY=()'] as const] : []),
    ];
    return [
      `    ${quoted(path.join(' '))})`,
      '      case "$prev" in',
      ...byOption.map(([flags, action]) => `        ${flags.join('|')}) ${action}; return ;;`),
      '      esac',
      `      words=${quoted(all.join(' '))} ;;`,
    ].join('\n');
  });
  const valued = [...new Set(levels.flatMap(({ options }) => options.filter(takesValue).flatMap(flagsOf)))];
  const known = levels.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join(' ')));
  return `# bash completion for ${program}
_${program}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} at='' words='' next i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      ${valued.join('|')}) ((i++)); continue ;;
      -*) continue ;;
    esac
    next="\${at:+$at }\${COMP_WORDS[i]}"
    case "$next" in
      ${known.join('|')}) at=$next ;;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  # What is none of our words may be a file.
  if [[ \${#COMPREPLY[@]} -eq 0 && $cur != -* ]]; then
    compopt -o filenames
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -F _${program} ${program}
`;
}

/** zsh runs bash's completions, and has no compopt. */
function zshScript(program: string, levels: readonly Level[]): string {
  const head = [
    `#compdef ${program}`,
    'autoload -U +X bashcompinit && bashcompinit',
    '(( $+functions[compopt] )) || compopt() { : }',
  ];
  return `${head.join('\n')}\n${bashScript(program, levels)}`;
}

function fishScript(program: string, levels: readonly Level[]): string {
  const lines = levels.flatMap(({ path, words, options, isCommandNext }) => {
    const here = conditionOf(path, isCommandNext ? words.map(({ word }) => word) : []);
    return [
      ...words.map(({ word, description }) => {
        return `complete -c ${program} -f -n ${quoted(here)} -a ${quoted(word)} -d ${quoted(description)}`;
      }),
      ...options.map((one) => {
        const short = one.short === undefined ? '' : ` -s ${one.short.slice(1)}`;
        const long = one.long === undefined ? '' : ` -l ${one.long.slice(2)}`;
        const choices = one.argChoices === undefined ? '' : ` -a ${quoted(one.argChoices.join(' '))}`;
        const value = takesValue(one) ? (takesFile(one) ? ' -r -F' : ' -x') : ' -f';
        return `complete -c ${program}${short}${long}${value}${choices} -n ${quoted(here)} -d ${quoted(one.description)}`;
      }),
    ];
  });
  return `# fish completion for ${program}\ncomplete -c ${program} -e\n${lines.join('\n')}\n`;
}

/** Behind all the words of the path, and before the next one. */
function conditionOf(path: readonly string[], next: readonly string[]): string {
  const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`);
  const notYet = next.length === 0 ? [] : [`not __fish_seen_subcommand_from ${next.join(' ')}`];
  const conditions = path.length === 0 ? ['__fish_use_subcommand'] : [...seen, ...notYet];
  return conditions.join('; and ');
}

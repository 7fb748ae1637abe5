// What must be true of every run (reliability sheet, C.2): each broken one is a sentence.
import { Ranges } from '../../src/schema/ranges.js';
import { accountOf, bothHalves, serverAccount } from './account.js';
import type { StatusAnswer } from './commands.js';
import type { Evidence } from './rest.js';
import type { World } from './world.js';

export interface Verdict {
  readonly accepted: number;
  readonly stored: number;
  /** By damage that was done on purpose to the spool's file. */
  readonly destroyed: number;
  readonly lost: number;
  readonly doubled: number;
  readonly evicted: number;
  readonly resent: number;
  readonly violations: readonly string[];
}

const SHOWN = 3;

export function judge(world: World, evidence: Evidence): Verdict {
  const { rows, status, ledger, resent } = evidence;
  const stored = new Set(rows.map(({ id }) => id));
  const entries = [...world.ledger.entries.values()];
  const givenUp = new GivenUp(world, status);

  const missing = entries.filter(({ must, forgiven, observation: { id } }) => must && !forgiven && !stored.has(id));
  const lost = givenUp.unexplained(missing.map(({ observation }) => observation.id));
  const doubled = repeated(rows.map(({ id }) => id));
  const changed = rows.filter(({ id, hash }) => world.ledger.entries.get(id)?.observation.hash !== hash);
  const phantoms = changed.filter(({ id }) => !world.ledger.entries.has(id));
  const vanished = [...world.watch.unexplained].filter(([number]) => !givenUp.hasNumber(number));

  const violations = [
    ...some('I1: lost', lost),
    ...some('I2: stored twice', doubled),
    ...(ledger.doubled > 0 ? [`I2: the ledger counts ${ledger.doubled} doubled rows`] : []),
    ...some(
      'I3: stored with another content',
      changed.filter((row) => !phantoms.includes(row)).map(({ id }) => id),
    ),
    ...some(
      'I4: nobody ever showed',
      phantoms.map(({ id }) => id),
    ),
    ...some(
      'I5: left the spool before it was in the database',
      vanished.map(([number, id]) => `${number} (${id})`),
    ),
    ...world.watch.violations,
    ...accountOf(status),
    ...serverAccount(ledger),
    ...bothHalves(status, ledger, world.ledger.forgivenNumbers),
    ...world.found,
  ];
  return {
    accepted: entries.filter(({ must, observation: { id } }) => must || stored.has(id)).length,
    stored: rows.length,
    destroyed: entries.filter(({ must, forgiven, observation: { id } }) => must && forgiven && !stored.has(id)).length,
    lost: lost.length,
    doubled: doubled.length,
    evicted: givenUp.evicted,
    resent,
    violations,
  };
}

function repeated(ids: readonly string[]): string[] {
  const once = new Set<string>();
  return ids.filter((id) => once.has(id) || !once.add(id));
}

function some(what: string, found: readonly string[]): string[] {
  if (found.length === 0) return [];
  const more = found.length > SHOWN ? ', ...' : '';
  return [`${what}: ${found.length} (${found.slice(0, SHOWN).join(', ')}${more})`];
}

/** What the kit has on record as evicted or set aside. */
class GivenUp {
  readonly evicted: number;
  private readonly numbers = new Map<string, Ranges>();
  /** Of those whose number was seen in the spool. */
  private readonly ids = new Set<string>();
  /** On record, and gone before anybody looked into the spool. */
  private readonly unseen: number;

  constructor(world: World, status: StatusAnswer) {
    for (const { epoch, kind, evicted, quarantined } of status.ledger) {
      this.numbers.set(`${epoch}/${kind}`, new Ranges([...evicted, ...quarantined]));
    }
    this.evicted = status.ledger.reduce((total, { evicted }) => total + new Ranges(evicted).size, 0);
    const seen = [...world.watch.seen].filter(([number]) => this.hasNumber(number));
    for (const [, id] of seen) this.ids.add(id);
    this.unseen = [...this.numbers.values()].reduce((total, ranges) => total + ranges.size, 0) - seen.length;
  }

  hasNumber(number: string): boolean {
    const [epoch = '', kind = '', seq = ''] = number.split('/');
    return this.numbers.get(`${epoch}/${kind}`)?.has(Number(seq)) === true;
  }

  /** Those of which the record says nothing. */
  unexplained(missing: readonly string[]): string[] {
    const unknown = missing.filter((id) => !this.ids.has(id));
    return unknown.length <= this.unseen ? [] : unknown;
  }
}

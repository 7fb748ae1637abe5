// What an operator does with a kit, each after a question that says what happens.
import type { Kit } from '../../schema/web/answers.js';
import type { Api } from '../api.js';
import { toMessage } from '../api.js';
import { ask, entered, field } from '../dialog.js';
import { button, el, foreign, setAttributes, setText } from '../dom.js';
import type { FleetWatch } from '../fleet.js';
import { plural } from '../format.js';
import type { SessionWatch } from '../session.js';
import type { KitActions } from './kit-row.js';

export class KitDialogs implements KitActions {
  constructor(
    private readonly api: Api,
    private readonly fleet: FleetWatch,
    private readonly session: SessionWatch,
    /** Says in a line what was done. */
    private readonly tell: (words: string) => void,
  ) {}

  readonly rename = (kit: Kit): void => {
    this.session.asOperator(() => {
      ask({
        title: 'Rename the kit',
        says: [named(kit), 'The name is for people: here, in Grafana and in WarDragon Analytics. Its id stays.'],
        fields: [field('Name', 'name', 'any text', { value: kit.name ?? '', required: true, maxlength: '200' })],
        confirm: 'Rename',
        act: async (values) => {
          const name = entered(values, 'name');
          this.fleet.changed(await this.api.changeKit(kit.kit_id, { name }));
          this.tell(`${kit.kit_id} is named ${name}`);
        },
      });
    });
  };

  readonly locate = (kit: Kit): void => {
    this.session.asOperator(() => {
      ask({
        title: 'Say where the kit is',
        says: [named(kit), 'A note for people, as “north gate”. Where it is on the map comes from its own GPS.'],
        fields: [
          field('Location', 'location', 'any text; nothing clears it', { value: kit.location ?? '', maxlength: '200' }),
        ],
        confirm: 'Save',
        act: async (values) => {
          const location = entered(values, 'location');
          this.fleet.changed(await this.api.changeKit(kit.kit_id, { location: location === '' ? null : location }));
          this.tell(location === '' ? `${kit.kit_id} has no location now` : `${kit.kit_id} is at ${location}`);
        },
      });
    });
  };

  readonly enable = (kit: Kit): void => {
    const enabled = !kit.enabled;
    this.session.asOperator(() => {
      ask({
        title: enabled ? 'Enable the kit' : 'Disable the kit',
        says: [
          named(kit),
          enabled
            ? 'The server asks its API again, if it has an address.'
            : 'The server no longer asks its API. What the kit sends over MQTT is stored all the same. You can enable it again at any time.',
        ],
        confirm: enabled ? 'Enable' : 'Disable',
        act: async () => {
          this.fleet.changed(await this.api.changeKit(kit.kit_id, { enabled }));
          this.tell(`${kit.kit_id} is ${enabled ? 'enabled' : 'disabled'}`);
        },
      });
    });
  };

  readonly remove = (kit: Kit): void => {
    const withData = choice('data', [
      ['false', 'Only take it off the list. Its rows stay, and its next message puts it on the list again.'],
      [
        'true',
        'Delete everything of it: its rows, its ledger and its rejects. This can’t be undone. What it still sends is stored anew, and what it sent before in that epoch then counts as missing.',
      ],
    ]);
    this.session.asOperator(() => {
      ask({
        title: 'Remove the kit',
        says: [named(kit)],
        fields: [
          withData,
          field('Write the kit’s id to confirm', 'confirm', kit.kit_id, { required: true, spellcheck: 'false' }),
        ],
        confirm: 'Remove',
        danger: true,
        act: async (values) => {
          if (entered(values, 'confirm') !== kit.kit_id)
            throw new Error(`nothing was removed: that is not ${kit.kit_id}`);
          const { removed } = await this.api.removeKit(kit.kit_id, entered(values, 'data') === 'true');
          this.fleet.removed(kit.kit_id);
          const rows = Object.values(removed).reduce((sum, n) => sum + n, 0);
          this.tell(`${kit.kit_id} is removed: ${plural(rows, 'row')} deleted`);
        },
      });
    });
  };

  readonly add = (): void => {
    this.session.asOperator(() => {
      const url = field('API address', 'api_url', 'of its DragonSync, as http://192.168.1.20:8088', {
        required: true,
        type: 'url',
      });
      const id = field('Kit id', 'kit_id', 'as the kit shows it at /status; the test fills it in', { required: true });
      const result = el('p', { class: 'result', role: 'status' });
      const test = button('Test the connection', () => void this.test(url, id, test, result));
      ask({
        title: 'Add a kit that is asked over HTTP',
        says: [
          'The server asks this address every few seconds, from half a minute on. Kits that send over MQTT appear by themselves.',
        ],
        fields: [
          url,
          el('div', { class: 'buttons left' }, test),
          result,
          id,
          field('Name', 'name', 'may be empty'),
          field('Location', 'location', 'may be empty'),
        ],
        confirm: 'Add',
        act: async (values) => {
          const [name, location] = [entered(values, 'name'), entered(values, 'location')];
          const kit = await this.api.addKit({
            kit_id: entered(values, 'kit_id'),
            api_url: entered(values, 'api_url'),
            ...(name === '' ? {} : { name }),
            ...(location === '' ? {} : { location }),
          });
          this.fleet.changed(kit);
          this.tell(`${kit.kit_id} is asked within half a minute`);
        },
      });
    });
  };

  /** Asks the address now, from the server's place in the network, and takes over what the kit says it is. */
  private async test(url: HTMLElement, id: HTMLElement, test: HTMLButtonElement, result: HTMLElement): Promise<void> {
    const [address, idInput] = [url.querySelector('input'), id.querySelector('input')];
    if (address === null || idInput === null) return;
    if (address.value.trim() === '') {
      setText(result, 'Write the address first.');
      address.focus();
      return;
    }
    setAttributes(test, { disabled: true });
    setText(result, 'Asking…');
    try {
      const { ok, kit_id, message, hint, took_ms } = await this.api.testConnection(address.value.trim());
      setAttributes(result, { 'data-ok': String(ok) });
      const what = ok ? `It answers (${took_ms} ms): ${message}` : `No: ${message}`;
      result.replaceChildren(foreign(hint === null ? what : `${what}. ${hint}`));
      if (kit_id !== null && idInput.value === '') idInput.value = kit_id;
    } catch (thrown: unknown) {
      setAttributes(result, { 'data-ok': 'false' });
      setText(result, toMessage(thrown));
    } finally {
      setAttributes(test, { disabled: false });
    }
  }
}

function named({ name, kit_id }: Kit): HTMLElement {
  if (name === null || name === kit_id) return foreign(kit_id);
  return el('span', {}, el('strong', {}, foreign(name)), ' (', foreign(kit_id), ')');
}

/** One of several, of which the first is chosen. */
function choice(name: string, options: readonly (readonly [value: string, says: string])[]): HTMLElement {
  const lines = options.map(([value, says], i) =>
    el(
      'label',
      { class: 'choice' },
      el('input', { type: 'radio', name, value, checked: i === 0 }),
      el('span', {}, says),
    ),
  );
  return el('fieldset', {}, el('legend', {}, 'What is removed'), ...lines);
}

// A question before something is done: what will happen, what is needed for it, and why it did not go.
import { toMessage } from './api.js';
import { button, type Child, el, setAttributes, setText } from './dom.js';

export interface Question {
  readonly title: string;
  /** What will happen, and what it can't undo. */
  readonly says: readonly Child[];
  readonly fields?: readonly HTMLElement[];
  /** What the button says that does it. */
  readonly confirm: string;
  readonly danger?: boolean;
  /** Throws what went wrong: it is shown, and the dialog stays. */
  readonly act: (values: FormData) => Promise<void>;
}

/** Opens it; the browser keeps the focus inside, and gives it back afterwards. */
export function ask({ title, says, fields = [], confirm, danger = false, act }: Question): void {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const go = el('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, confirm);
  const cancel = button('Cancel', () => dialog.close());
  const heading = el('h2', { id: 'dialog-title' }, title);
  const form = el(
    'form',
    { method: 'dialog' },
    heading,
    ...says.map((one) => el('p', {}, one)),
    ...fields,
    problem,
    el('div', { class: 'buttons' }, cancel, go),
  );
  const dialog = el('dialog', { 'aria-labelledby': 'dialog-title' }, form);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void (async () => {
      setAttributes(go, { disabled: true, 'aria-busy': 'true' });
      setText(problem, '');
      try {
        await act(new FormData(form));
        dialog.close();
      } catch (thrown: unknown) {
        setText(problem, toMessage(thrown));
      } finally {
        setAttributes(go, { disabled: false, 'aria-busy': null });
      }
    })();
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  // Whoever only presses Enter deletes nothing.
  if (danger && fields.length === 0) cancel.focus();
}

/** One line of input with its label, and what is to be written there. */
export function field(
  label: string,
  name: string,
  hint: string,
  attributes: Record<string, string | boolean> = {},
): HTMLElement {
  const id = `field-${name}`;
  const input = el('input', { id, name, 'aria-describedby': `${id}-hint`, autocomplete: 'off', ...attributes });
  const { value } = attributes;
  if (typeof value === 'string') input.value = value;
  return el('div', { class: 'field' }, el('label', { for: id }, label), input, el('small', { id: `${id}-hint` }, hint));
}

export function entered(values: FormData, name: string): string {
  const value = values.get(name);
  return typeof value === 'string' ? value.trim() : '';
}

// What one sees who may see nothing yet: the question for the token.
import { toMessage } from './api.js';
import { entered, field } from './dialog.js';
import { el, setText } from './dom.js';

export function welcome(canLogin: boolean, login: (token: string) => Promise<void>): HTMLElement {
  const problem = el('p', { class: 'problem', role: 'alert' });
  if (!canLogin) {
    return el(
      'section',
      { class: 'welcome' },
      el('h1', {}, 'dragonsink'),
      el('p', {}, 'From here one has to log in, and this server has no token to log in with.'),
      el(
        'p',
        {},
        'On the server, name a file with a long random text in HTTP_TOKEN_FILE and start it again; or open the page on the server itself.',
      ),
    );
  }
  const token = field('Token', 'token', 'it is in the file that HTTP_TOKEN_FILE names on the server', {
    type: 'password',
    required: true,
    autocomplete: 'current-password',
  });
  const form = el(
    'form',
    { class: 'welcome' },
    el('h1', {}, 'dragonsink'),
    token,
    problem,
    el('button', { type: 'submit', class: 'primary' }, 'Log in'),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    login(entered(new FormData(form), 'token')).catch((thrown: unknown) => setText(problem, toMessage(thrown)));
  });
  return form;
}

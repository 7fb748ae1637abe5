// Who looks: a viewer, or an operator who has logged in with the server's token.
import type { Session } from '../schema/web/answers.js';
import type { Api } from './api.js';
import { ask, entered, field } from './dialog.js';
import { Watched } from './watched.js';

export class SessionWatch {
  readonly session = new Watched<Session | null>(null);

  constructor(private readonly api: Api) {
    api.onRefused(() => {
      // The server is away, too: it is asked again with the next thing.
      this.read().catch(() => {});
    });
  }

  async read(): Promise<void> {
    this.session.set(await this.api.session());
  }

  get isOperator(): boolean {
    return this.session.value?.role === 'operator';
  }

  async login(token: string): Promise<void> {
    this.session.set(await this.api.login(token));
  }

  async logout(): Promise<void> {
    this.session.set(await this.api.logout());
  }

  /** Does it at once for an operator; whoever is none is asked to log in first. */
  asOperator(what: () => void): void {
    if (this.isOperator) what();
    else this.askToken(what);
  }

  askToken(then: () => void = () => {}): void {
    const { can_login: canLogin } = this.session.value ?? { can_login: false };
    if (!canLogin) {
      ask({
        title: 'No operator here yet',
        says: [
          'Changing kits needs the operator’s token, and this server has none.',
          'Write a long random text into a file that only the server may read, name it in HTTP_TOKEN_FILE, and start the server again.',
        ],
        confirm: 'Understood',
        act: async () => {},
      });
      return;
    }
    ask({
      title: 'Log in as operator',
      says: ['The token is in the file that HTTP_TOKEN_FILE names on the server. You stay logged in for 12 hours.'],
      fields: [
        field('Token', 'token', 'one line', { type: 'password', required: true, autocomplete: 'current-password' }),
      ],
      confirm: 'Log in',
      act: async (values) => {
        await this.login(entered(values, 'token'));
        // After this dialog has gone: the next one is another.
        setTimeout(then);
      },
    });
  }
}

// The running kit's ear for `dragonsink spool`: HTTP on a Unix socket beside the spool, which only the kit may write to.
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { errorCode, SpoolError, toError } from '../base/errors.js';
import type { Part } from '../base/lifecycle.js';
import type { Logger } from '../base/log.js';
import { type SpoolAnswer, type SpoolCommand, spoolAnswer, spoolCommand } from '../schema/spool-command.js';
import { performSpoolCommand, type SpoolCommandTarget } from './spool-commands.js';

export interface ControlOptions extends Omit<SpoolCommandTarget, 'mayForgetKitId'> {
  /** The spool's. */
  readonly path: string;
  readonly log: Logger;
}

/** An acknowledgement has at most 256 ranges, and nobody lists more ids than that by hand. */
const MAX_REQUEST_BYTES = 1024 * 1024;
/** What a socket says to which nobody listens: there is none, or its process was killed. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'EINVAL', 'ENAMETOOLONG']);

export class Control implements Part {
  readonly name = 'control';
  private server: Server | null = null;

  constructor(private readonly options: ControlOptions) {}

  /** Without a socket the kit does its work all the same. */
  async start(): Promise<void> {
    const { path, log } = this.options;
    const socket = socketOf(path);
    const server = createServer((incoming, response) => {
      this.answer(incoming).then((answer) => {
        response.writeHead(answer.ok ? 200 : 409, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer));
      });
    });
    try {
      // We hold the spool, so whoever left this socket is gone.
      rmSync(socket, { force: true });
      await listen(server, socket);
      server.on('error', (error) => log.warn({ socket }, `dragonsink spool: ${error.message}`));
      this.server = server;
    } catch (thrown: unknown) {
      log.warn({ socket }, `dragonsink spool can't reach this kit: ${toError(thrown).message}`);
    }
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null) return;
    server.closeIdleConnections();
    await new Promise((resolve) => server.close(resolve)); // which removes the socket too
  }

  private async answer(incoming: IncomingMessage): Promise<SpoolAnswer> {
    try {
      if (Number(incoming.headers['content-length'] ?? MAX_REQUEST_BYTES + 1) > MAX_REQUEST_BYTES) {
        throw new SpoolError('the command is too long', { code: 'command' });
      }
      const command = spoolCommand.safeParse(JSON.parse(await text(incoming)));
      if (!command.success) throw new SpoolError('not a command of this version', { code: 'command' });
      const count = await performSpoolCommand({ ...this.options, mayForgetKitId: false }, command.data);
      this.options.log.info({ command: command.data.command, count }, 'dragonsink spool');
      return { ok: true, count };
    } catch (thrown: unknown) {
      const { code, message, hint } = toError(thrown) as Partial<SpoolError> & Error;
      return { ok: false, code: code ?? 'failed', message, ...(hint === undefined ? {} : { hint }) };
    }
  }
}

function socketOf(spoolPath: string): string {
  return `${spoolPath}.sock`;
}

/** For its owner alone, from the first moment: it is made with the process' mask. */
function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const mask = process.umask(0o177);
    try {
      server.listen(socket, resolve);
    } finally {
      process.umask(mask);
    }
  });
}

/**
 * Has the kit that runs on this spool do it; null when none runs.
 *
 * @throws SpoolError what the kit answered.
 */
export async function askRunningKit(spoolPath: string, command: SpoolCommand): Promise<number | null> {
  let answer: SpoolAnswer;
  try {
    answer = spoolAnswer.parse(JSON.parse(await send(socketOf(spoolPath), JSON.stringify(command))));
  } catch (thrown: unknown) {
    if (NOBODY.has(errorCode(thrown))) return null;
    throw new SpoolError(`dragonsink kit does not answer: ${toError(thrown).message}`, {
      code: 'no-answer',
      hint: 'run this as the kit does (or with sudo), or stop the kit first',
      cause: thrown,
    });
  }
  if (answer.ok) return answer.count;
  const { code, message, hint } = answer;
  throw new SpoolError(message, { code, ...(hint === undefined ? {} : { hint }) });
}

function send(socketPath: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request({ socketPath, method: 'POST', path: '/spool', headers, agent: false }, (response) => {
      text(response).then(resolve, reject);
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

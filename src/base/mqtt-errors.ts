// What a broker's refusal, a socket error or a close means in words, with what to do about it.
import { BrokerError, errorCode, toError } from './errors.js';

interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls?: unknown;
}

const CONNACK_CREDENTIALS = new Set(['4', '5', '134', '135']);
const CONNACK_VERSION = new Set(['1', '132']);
const UNREACHABLE = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);
const SESSION_TAKEN_OVER = 0x8e;

export function explainConnect({ host, port, tls }: Address, error: Error | undefined): BrokerError {
  const at = `${host}:${port}`;
  const code = errorCode(error);
  const cause = error;
  if (code === 'ECONNREFUSED') {
    return new BrokerError(`nothing listens at ${at}`, {
      code: 'refused',
      retryable: true,
      cause,
      hint: 'start the broker, or correct its host and port',
    });
  }
  if (UNREACHABLE.has(code)) {
    const message = `${host} can't be reached (${code})`;
    return new BrokerError(message, {
      code: 'unreachable',
      retryable: true,
      cause,
      hint: 'check the network and the host name',
    });
  }
  if (CONNACK_CREDENTIALS.has(code)) {
    const hint = 'check user name and password, and what the broker allows this client';
    return new BrokerError(`${at} refused the credentials`, { code: 'credentials', retryable: true, cause, hint });
  }
  if (CONNACK_VERSION.has(code)) {
    const hint = 'set mqtt_version = 3.1.1 (server: MQTT_VERSION=3.1.1)';
    return new BrokerError(`${at} does not speak this MQTT version`, { code: 'version', retryable: true, cause, hint });
  }
  if (tls !== undefined && error !== undefined && !/connack/i.test(error.message)) {
    const message = `no TLS connection to ${at}: ${error.message}`;
    const hint = 'is this the TLS port (8883), and is the CA file the one that signed its certificate?';
    return new BrokerError(message, { code: 'tls', retryable: true, cause, hint });
  }
  if (error !== undefined && /connack/i.test(error.message)) {
    const hint = 'is this an MQTT broker, and is TLS set as the broker has it?';
    return new BrokerError(`${at} did not answer CONNECT in time`, { code: 'timeout', retryable: true, cause, hint });
  }
  const why = error === undefined ? 'closed the connection' : error.message;
  const hint = 'does this port want TLS, or none? The broker log says why it closed';
  return new BrokerError(`${at}: ${why}`, { code: 'closed', retryable: true, cause, hint });
}

/** `reason` is the last error, or the broker's DISCONNECT packet. */
export function explainClose(reason: unknown): BrokerError {
  if (typeof reason === 'object' && reason !== null && 'reasonCode' in reason) {
    if (reason.reasonCode === SESSION_TAKEN_OVER) {
      const hint = 'two programs use one client id: look for a second dragonsink, or a cloned kit';
      return new BrokerError('another client took over our client id', { code: 'taken-over', retryable: true, hint });
    }
    const hex = Number(reason.reasonCode).toString(16);
    return new BrokerError(`the broker closed the connection (0x${hex})`, { code: 'closed', retryable: true });
  }
  const message =
    reason === undefined ? 'the connection was closed' : `the connection was lost: ${toError(reason).message}`;
  return new BrokerError(message, { code: 'closed', retryable: true, cause: reason });
}

/** [MQTT5-3.4.2.1] reason codes of PUBACK and PUBREC; without one, the connection went away first. */
export function explainPublish(topic: string, thrown: unknown): BrokerError {
  const cause = toError(thrown);
  switch (errorCode(thrown)) {
    case '135':
      return new BrokerError(`not allowed on ${topic}`, {
        code: 'not-authorised',
        cause,
        hint: `let this user use ${topic} in the broker's ACL`,
      });
    case '151':
      return new BrokerError('the broker says: quota exceeded', { code: 'quota', retryable: true, cause });
    case '149':
      return new BrokerError('the broker says: too large', { code: 'too-large', cause });
    case '144':
    case '153':
    case '131':
    case '128':
      return new BrokerError(`the broker refused ${topic} (${cause.message})`, { code: 'refused', cause });
    default:
      return new BrokerError(`unknown whether ${topic} arrived: ${cause.message}`, {
        code: 'closed',
        retryable: true,
        cause,
      });
  }
}

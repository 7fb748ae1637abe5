// What a broker's refusal, a socket error or a close means in words, with what to do about it.
import { BrokerError, errorCode, toError } from './errors.js';

interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls?: unknown;
}

/** CONNACK's return codes of 3.1.1 [MQTT-3.2.2-3] and reason codes of 5 [MQTT5-3.2.2.2]. */
const CONNACK_VERSION = new Set([1, 0x84]);
const CONNACK_CLIENT_ID = new Set([2, 0x85]);
const CONNACK_UNAVAILABLE = new Set([3, 0x88, 0x89, 0x97, 0x9f]);
const CONNACK_CREDENTIALS = new Set([4, 5, 0x86, 0x87, 0x8a, 0x8c]);
/** What the will asks for and the broker does not give. */
const CONNACK_RETAIN = 0x9a;
const CONNACK_QOS = 0x9b;
/** What the other side says of our certificate, or that it wants one [RFC 8446 6.2], as OpenSSL and Node call it. */
const ALERT_OF_OURS = /_ALERT_(CERTIFICATE_\w+|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA)$/;
const UNREACHABLE = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT']);
const SESSION_TAKEN_OVER = 0x8e;

/** Why there was no connection; each can go away by itself, so each is retryable. */
export function explainConnect({ host, port, tls }: Address, error: Error | undefined): BrokerError {
  const at = `${host}:${port}`;
  const code = errorCode(error);
  const problem = (ourCode: string, message: string, hint: string): BrokerError =>
    new BrokerError(message, { code: ourCode, hint, retryable: true, cause: error });

  if (code === 'ECONNREFUSED') {
    return problem('refused', `nothing listens at ${at}`, 'start the broker, or correct its host and port');
  }
  if (UNREACHABLE.has(code)) {
    return problem('unreachable', `${host} can't be reached (${code})`, 'check the network and the host name');
  }
  const connack = /^[0-9]+$/.test(code) ? refusal(Number(code)) : null;
  if (connack !== null) return problem(connack.code, `${at} ${connack.what}`, connack.hint);
  if (error !== undefined && /^connack timeout$/.test(error.message)) {
    const hint = 'is this an MQTT broker, and is TLS set as the broker has it?';
    return problem('timeout', `${at} did not answer CONNECT in time`, hint);
  }
  if (ALERT_OF_OURS.test(code)) {
    const reason = code
      .replace(/^.*_ALERT_/, '')
      .toLowerCase()
      .replaceAll('_', ' ');
    const hint = 'have a new certificate made on the server: dragonsink enrol';
    return problem('tls', `${at} does not accept our certificate (${reason})`, hint);
  }
  if (tls !== undefined) {
    const hint = 'is this the TLS port (8883), and is the CA file the one that signed its certificate?';
    return problem('tls', `no TLS connection to ${at}: ${error?.message ?? 'it closed the connection'}`, hint);
  }
  const hint = 'does this port want TLS, or none? The broker log says why it closed';
  return problem('closed', `${at}: ${error?.message ?? 'closed the connection'}`, hint);
}

/** What CONNACK's code means. */
function refusal(connack: number): { code: string; what: string; hint: string } | null {
  if (CONNACK_VERSION.has(connack)) {
    const hint = 'set mqtt_version = 3.1.1 (server: MQTT_VERSION=3.1.1)';
    return { code: 'version', what: 'does not speak this MQTT version', hint };
  }
  if (CONNACK_CLIENT_ID.has(connack)) {
    return { code: 'client-id', what: 'refused the client id', hint: 'set another mqtt_client_id' };
  }
  if (CONNACK_UNAVAILABLE.has(connack)) {
    const hint = 'the broker is busy or starting; its log says more';
    return { code: 'unavailable', what: `takes no connection now (0x${connack.toString(16)})`, hint };
  }
  if (CONNACK_CREDENTIALS.has(connack)) {
    const hint = 'check user name and password, and what the broker allows this client';
    return { code: 'credentials', what: 'refused the credentials', hint };
  }
  if (connack === CONNACK_RETAIN) {
    const hint = "set retain_available true in the broker's configuration";
    return { code: 'limits', what: 'keeps no retained messages, and the will is one', hint };
  }
  if (connack === CONNACK_QOS) {
    const hint = "set max_qos to 1 or 2 in the broker's configuration";
    return { code: 'limits', what: 'takes QoS 0 only, and the will has QoS 1', hint };
  }
  return null;
}

/** A certificate or key that can't be read, or is none. */
export function explainTlsFiles(thrown: unknown): BrokerError {
  return new BrokerError(`TLS: ${toError(thrown).message}`, {
    code: 'tls',
    retryable: true,
    cause: thrown,
    hint: 'the CA, certificate and key files must be PEM files that this user can read',
  });
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
      return notAuthorised(topic, cause);
    case '151':
      return new BrokerError('the broker says: quota exceeded', { code: 'quota', retryable: true, cause });
    case '149':
      return new BrokerError('the broker says: too large', { code: 'too-large', cause });
    case '144':
    case '153':
      return new BrokerError(`the broker refused ${topic} (${cause.message})`, { code: 'refused', cause });
    default:
      // It says no, and not why: it may be the message, and it may be the broker's trouble of the moment.
      if (Number(errorCode(thrown)) >= 0x80) {
        return new BrokerError(`the broker refused ${topic} (${cause.message})`, {
          code: 'unwilling',
          retryable: true,
          cause,
        });
      }
      return new BrokerError(`unknown whether ${topic} arrived: ${cause.message}`, {
        code: 'closed',
        retryable: true,
        cause,
      });
  }
}

/** 3.1.1 has but one code for a refused subscription [MQTT-3.9.3-2]; brokers mean the ACL by it. */
const SUBACK_DENIED = new Set([0x80, 0x87]);

export function explainSubscribe(topics: readonly string[], thrown: unknown): BrokerError {
  const cause = toError(thrown);
  const granted = grantedIn(thrown);
  const refused = topics.filter((_, i) => (granted[i] ?? 0) >= 0x80);
  const names = refused.join(', ');
  if (granted.some((code) => SUBACK_DENIED.has(code))) return notAuthorised(names, cause);
  if (refused.length > 0) return new BrokerError(`the broker refused ${names}`, { code: 'refused', cause });
  return new BrokerError(`not subscribed: ${cause.message}`, { code: 'closed', retryable: true, cause });
}

function notAuthorised(topic: string, cause: Error): BrokerError {
  const hint = `let this user use ${topic} in the broker's ACL`;
  return new BrokerError(`not allowed on ${topic}`, { code: 'not-authorised', cause, hint });
}

/** The codes of the SUBACK that mqtt.js hangs on its error. */
function grantedIn(thrown: unknown): readonly number[] {
  if (typeof thrown !== 'object' || thrown === null || !('packet' in thrown)) return [];
  const { packet } = thrown;
  if (typeof packet !== 'object' || packet === null || !('granted' in packet)) return [];
  return Array.isArray(packet.granted) ? packet.granted : [];
}

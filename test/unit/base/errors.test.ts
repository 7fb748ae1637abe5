// What an error tells its reader.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError, BrokerError, ConfigError, errorCode, toError } from '../../../src/base/errors.js';

describe('errors', () => {
  test('an error of ours has its own name, a code, a hint and its cause', () => {
    const cause = new Error('below');
    const error = new BrokerError('no answer', { code: 'timeout', hint: 'start it', retryable: true, cause });
    assert.ok(error instanceof AppError && error instanceof Error);
    const { name, message, code, hint, retryable } = error;
    assert.deepEqual(
      { name, message, code, hint, retryable },
      { name: 'BrokerError', message: 'no answer', code: 'timeout', hint: 'start it', retryable: true },
    );
    assert.equal(error.cause, cause);
  });

  test('nothing is retryable, hinted at or caused unless somebody says so', () => {
    const error = new ConfigError('wrong', { code: 'missing' });
    assert.equal(error.retryable, false);
    assert.equal(error.hint, undefined);
    assert.ok(!('cause' in error));
  });

  test('whatever is thrown becomes an error', () => {
    const error = new Error('as it is');
    assert.equal(toError(error), error);
    assert.equal(toError('text').message, 'text');
    assert.equal(toError(undefined).message, 'undefined');
    assert.equal(toError({ toString: () => 'object' }).message, 'object');
  });

  test('a code is found wherever it comes from', () => {
    assert.equal(errorCode(new BrokerError('x', { code: 'closed' })), 'closed');
    assert.equal(errorCode(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })), 'ECONNREFUSED');
    assert.equal(errorCode({ code: 135 }), '135');
    for (const without of [new Error('x'), 'ECONNREFUSED', null, undefined]) assert.equal(errorCode(without), '');
  });
});

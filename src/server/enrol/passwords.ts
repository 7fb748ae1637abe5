// mosquitto's password file, in the form of mosquitto_passwd (mosquitto apps/mosquitto_passwd): `user:$7$rounds$salt$hash`.
import { pbkdf2Sync, randomBytes } from 'node:crypto';

/** As mosquitto_passwd has it. The passwords are random, 256 bits long: more rounds would protect nothing. */
const ROUNDS = 101;
const SALT_BYTES = 12;
const HASH_BYTES = 64;

export function newPassword(): string {
  return randomBytes(32).toString('base64url');
}

/** The file with this user's password, in place of any it had. */
export function withPassword(file: string, user: string, password: string): string {
  const salt = randomBytes(SALT_BYTES);
  const hash = pbkdf2Sync(password, salt, ROUNDS, HASH_BYTES, 'sha512');
  const line = `${user}:$7$${ROUNDS}$${salt.toString('base64')}$${hash.toString('base64')}\n`;
  return withoutUser(file, user) + line;
}

export function withoutUser(file: string, user: string): string {
  return file
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(`${user}:`))
    .map((line) => `${line}\n`)
    .join('');
}

// The optional package zeromq is not installed.
import { register } from 'node:module';

const HOOKS = `export async function resolve(specifier, context, next) {
  if (specifier !== 'zeromq') return next(specifier, context);
  throw Object.assign(new Error("Cannot find package 'zeromq'"), { code: 'ERR_MODULE_NOT_FOUND' });
}`;

register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);

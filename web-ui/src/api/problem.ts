import type { Problem } from './gen/types.gen';

/** What the server said, or what stands for it when the server could not be reached. */
export function problemOf(error: unknown): Problem {
  if (typeof error === 'object' && error !== null && 'code' in error && 'detail' in error) return error as Problem;
  return {
    type: 'about:blank',
    code: 'unreachable',
    title: 'The server cannot be reached',
    detail: 'Check the connection; nothing was changed here.',
    status: 0,
    instance: '',
    request_id: '',
  };
}

/** One token of a JSON pointer as it was before it was escaped. */
const plain = (token: string) => token.replaceAll('~1', '/').replaceAll('~0', '~');

/** The tokens of a JSON pointer. */
export const tokens = (pointer: string) => pointer.split('/').slice(1).map(plain);

/**
 * The messages of a problem by the field that each is about: the pointer's tokens below `prefix`, joined by dots. What
 * points elsewhere is left for the form as a whole.
 */
export function fieldErrors(error: unknown, prefix = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { pointer, message } of problemOf(error).errors ?? []) {
    if (prefix && !pointer.startsWith(`${prefix}/`)) continue;
    const field = tokens(pointer.slice(prefix.length)).join('.');
    found[field] = found[field] ? `${found[field]}; ${message}` : message;
  }
  return found;
}

/** What a form says above its button: nothing where each message stands at a field that it shows. */
export function formError(error: unknown, shown: string[]): unknown {
  if (!error) return undefined;
  const fields = Object.keys(fieldErrors(error));
  return fields.length > 0 && fields.every((field) => shown.includes(field)) ? undefined : error;
}

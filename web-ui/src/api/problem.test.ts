import { describe, expect, it } from 'vitest';
import { fieldErrors, formError, problemOf } from './problem';

const problem = (errors: { pointer: string; message: string }[]) => ({
  type: 'urn:conman:problem:invalid',
  title: 'Bad Request',
  status: 400,
  detail: 'wrong',
  instance: '/',
  code: 'invalid',
  request_id: 'r',
  errors,
});

describe('a refusal', () => {
  it('lands on the fields that its pointers name', () => {
    const refused = problem([
      { pointer: '/values/a~1b~0c', message: 'too large' },
      { pointer: '/values/x', message: 'one' },
      { pointer: '/values/x', message: 'two' },
      { pointer: '/reason', message: 'missing' },
    ]);
    expect(fieldErrors(refused, '/values')).toEqual({ 'a/b~c': 'too large', x: 'one; two' });
    expect(fieldErrors(refused).reason).toBe('missing');
  });

  it('is told by the form where no field shows it', () => {
    const refused = problem([{ pointer: '/token', message: 'used' }]);
    expect(formError(refused, ['name'])).toBe(refused);
    expect(formError(problem([{ pointer: '/name', message: 'x' }]), ['name'])).toBeUndefined();
    expect(formError(problem([]), ['name'])).toBeDefined();
    expect(formError(null, [])).toBeUndefined();
  });

  it('is one also where the server was not reached', () => {
    expect(problemOf(new TypeError('Failed to fetch')).code).toBe('unreachable');
  });
});

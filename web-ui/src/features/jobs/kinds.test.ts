import { expect, test } from 'vitest';
import { KINDS, kindsIn, kindsTold } from './kinds';

test('mails are left out until somebody asks for them', () => {
  expect(kindsIn(undefined)).not.toContain('send_notification');
  expect(kindsIn('send_notification')).toEqual(['send_notification']);
  expect(kindsIn('deploy_release,msuite_submit,burn')).toEqual(['msuite_submit', 'deploy_release']);
  expect(kindsIn('burn')).toEqual(kindsIn(undefined));
});

test('an address says what is not usual', () => {
  expect(kindsTold(kindsIn(undefined))).toBeUndefined();
  expect(kindsTold([])).toBeUndefined();
  expect(kindsTold(['deploy_release', 'msuite_submit'])).toBe('msuite_submit,deploy_release');
  expect(kindsIn(kindsTold(KINDS))).toEqual(KINDS);
});

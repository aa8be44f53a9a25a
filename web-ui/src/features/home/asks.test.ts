import { expect, test } from 'vitest';
import type { Waiting } from '../../api/gen/types.gen';
import { addressOf } from '../../util/place';
import { by, titleOf } from './asks';

const row: Waiting = {
  kind: 'approve_deployment',
  action: 'approve',
  urgent: true,
  app: { id: 'a', slug: 'ward', name: 'Ward' },
  subject_id: 'd',
  title: 'r2026.01.02.1',
  who: { kind: 'user', id: 'm', name: 'Mona' },
  reason: null,
  approvals: { given: 1, required: 2 },
  environment: { id: 'e', name: 'prod' },
  deployment_kind: 'skip_stage',
  since: '2026-01-02T00:00:00.000Z',
  page: { kind: 'environment', environment_id: 'e' },
};

test('a row says what, where and by whom', () => {
  expect(titleOf(row)).toBe('r2026.01.02.1 on prod');
  expect(by(row)).toBe('Mona: skip stage, 1 of 2 approvals');
  expect(addressOf(row.app.id, row.page)).toBe('/apps/a/environments/e');
});

test('a queue was asked for by nobody', () => {
  const queue: Waiting = {
    ...row,
    kind: 'draft_release',
    title: '#1, #2',
    who: null,
    approvals: null,
    deployment_kind: null,
    page: { kind: 'queue' },
  };
  expect([titleOf(queue), by(queue), addressOf(queue.app.id, queue.page)]).toEqual([
    '#1, #2 in the queue',
    '',
    '/apps/a/queue',
  ]);
});

// The pages in front of the console, and the dialogs of those behind: both themes, and the width of a phone.
import assert from 'node:assert/strict';
import { look, person, weighing } from './browser.mjs';
import { byRole, test } from './tests.mjs';

const called = async (demo, account, path, body) => {
  const answer = await fetch(`${demo.url}/api${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${account.token}`, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
};

test('who comes in by a mail finds accessible doors', async ({ browser, demo }) => {
  const wrong = [];
  const { page, broken, context } = await person(browser, demo.url);
  await page.goto('/sign-in');
  await byRole(page, 'heading', 'Sign in').waitFor();
  await look(page, 'sign-in', wrong);
  await page.goto('/forgot-password');
  await byRole(page, 'heading', 'Reset your password').waitFor();
  await look(page, 'forgot-password', wrong);
  await page.getByLabel('E-mail').fill(demo.accounts.user.email);
  await byRole(page, 'button', 'Send link').click();
  await byRole(page, 'heading', 'Watch your mail').waitFor();
  const invited = 'nina@lab.example';
  await called(demo, demo.accounts.app_admin, `/apps/${demo.app_id}/invites`, { email: invited, role: 'reviewer' });
  const link = async (to, part) => {
    const { data } = await called(demo, demo.operator, '/outbox?limit=20');
    const mail = data.find((one) => one.to === to && one.link?.includes(part));
    return new URL(mail.link, demo.url).pathname;
  };
  await page.goto(await link(demo.accounts.user.email, '/reset-password/'));
  await byRole(page, 'heading', 'Choose a new password').waitFor();
  await look(page, 'reset-password', wrong);
  await page.goto(await link(invited, '/invite/'));
  await byRole(page, 'heading', 'Join Clinical Lab').waitFor();
  await look(page, 'invite', wrong);
  await page.goto('/invite/not-a-token');
  await page.getByRole('alert').waitFor();
  await look(page, 'invite-unknown', wrong);
  await page.goto('/nowhere');
  await byRole(page, 'heading', 'There is nothing at this address').waitFor();
  await look(page, 'nowhere', wrong);
  assert.deepEqual(wrong, []);
  assert.deepEqual(broken, []);
  await context.close();
});

test('dialogs are accessible, and fit a phone', async ({ browser, demo }) => {
  const wrong = [];
  const app = `/apps/${demo.app_id}`;
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.app_admin);
  const ask = async (path, button, name) => {
    await page.goto(path);
    await byRole(page, 'button', button).first().click();
    await page.getByRole('dialog').waitFor();
    await look(page, name, wrong);
    // Escape closes it, and the focus goes back to where it came from.
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.waitForFunction((text) => document.activeElement?.textContent?.includes(text), button);
  };
  await ask(`${app}/environments`, 'Edit stages', 'dialog-stages');
  await ask(`${app}/environments/${demo.environments.prod}`, 'Redeploy earlier', 'dialog-redeploy');
  await ask(`${app}/environments/${demo.environments.prod}?tab=freezes`, 'Add a freeze window', 'dialog-freeze');
  await ask(`${app}/workspaces`, 'New workspace', 'dialog-workspace');
  const { data } = await called(demo, demo.accounts.reviewer, `${app}/changesets?state=in_review`);
  await ask(`${app}/changesets/${data[0].id}`, 'Reject', 'dialog-reject');
  const operator = await person(browser, demo.url, demo.operator);
  await operator.page.goto('/new-app');
  await byRole(operator.page, 'heading', 'New app').waitFor();
  await look(operator.page, 'new-app', wrong);
  assert.deepEqual(wrong, []);
  for (const one of [{ broken, context }, operator]) {
    assert.deepEqual(one.broken, []);
    await one.context.close();
  }
});

test('the first view weighs less than 200 KB, compressed and with its font', async ({ browser, demo }) => {
  const { broken, context } = await person(browser, demo.url, demo.accounts.app_admin);
  const page = await context.newPage();
  const weight = weighing(page);
  await page.goto('/');
  await byRole(page, 'heading', 'Waiting for me').waitFor();
  await page.waitForLoadState('load');
  const { gzip_bytes: bytes, files } = await weight();
  console.log(`       it weighs ${bytes} bytes in ${files} files`);
  assert.ok(files > 10 && bytes < 200_000, `${bytes} bytes`);
  assert.deepEqual(broken, []);
  await context.close();
});

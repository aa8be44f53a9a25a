// Keys alone: jobs that are done from the sign-in to their end without a mouse.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { apiOf, approved } from './api.mjs';
import { person, SHOTS, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

/** The most keys that anything is away from where one is. */
const FAR = 250;

/** Presses Tab until the focus is on what is called that, and fails where Tab does not lead there. */
async function tabTo(page, name, key = 'Tab') {
  for (let pressed = 0; pressed < FAR; pressed++) {
    await page.keyboard.press(key);
    const found = await page.evaluate(() => {
      // After the last one the focus is on the page as a whole, which is called everything.
      const at = document.activeElement === document.body ? null : document.activeElement;
      const labelled = at?.getAttribute('aria-label') ?? at?.labels?.[0]?.textContent ?? at?.textContent ?? '';
      const box = at?.getBoundingClientRect();
      return { name: labelled.trim(), isSeen: box !== undefined && box.width > 0 && box.height > 0 };
    });
    const isIt = typeof name === 'string' ? found.name === name : name.test(found.name);
    if (isIt && found.isSeen) return;
  }
  throw new Error(`${FAR} times ${key} did not lead to ${name}`);
}

/** Signs in by key. */
async function signIn(page, { email, password }) {
  await page.goto('/sign-in');
  await byRole(page, 'heading', 'Sign in').waitFor();
  await tabTo(page, 'E-mail');
  await page.keyboard.type(email);
  await tabTo(page, 'Password');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await byRole(page, 'heading', 'Home').waitFor();
}

/** Goes somewhere by the palette. */
async function goTo(page, words, option, title) {
  await page.keyboard.press('Control+k');
  await byRole(page, 'dialog', 'Go to').waitFor();
  await page.keyboard.type(words);
  await byRole(page.getByRole('dialog'), 'option', option).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await byRole(page, 'heading', title, { level: 1 }).waitFor();
}

test('keys lead everywhere', async ({ browser, demo }) => {
  const { page, broken, context } = await person(browser, demo.url, demo.accounts.config_manager);
  await page.goto(`/apps/${demo.app_id}`);
  await byRole(page, 'heading', 'Recent changesets').waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('q');
  await byRole(page, 'heading', 'Queue', { level: 1 }).waitFor();
  await page.keyboard.press('?');
  await byRole(page, 'dialog', 'Keys').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'keys.png') });
  await page.keyboard.press('Escape');
  await byRole(page, 'dialog', 'Keys').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+k');
  await byRole(page, 'dialog', 'Go to').waitFor();
  await page.keyboard.type('parameters of staging');
  await byRole(page, 'option', /Parameters of staging/).waitFor();
  await page.screenshot({ path: join(SHOTS, 'palette.png') });
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await byRole(page, 'heading', 'Parameters of staging').waitFor();
  assert.deepEqual(broken, []);
  await context.close();
});

test('a reviewer reads, comments, answers and approves by key alone', async ({ browser, demo }) => {
  const title = 'Tidy the words of the menus';
  const api = apiOf(demo, demo.accounts.reviewer);
  const { data } = await api('GET', `/apps/${demo.app_id}/changesets?state=in_review`);
  const changeset = data.find((one) => one.title === title);
  const { page, broken, context } = await person(browser, demo.url);
  await signIn(page, demo.accounts.reviewer);
  await goTo(page, 'clinical', /^Clinical Lab/, 'Clinical Lab');
  await goTo(page, 'words of the menus', new RegExp(title), title);
  // From file to file; the keys that begin with g lead away and decide nothing.
  await page.keyboard.press('f');
  await page.getByText('0 of 2 viewed').waitFor();
  const focused = (text) =>
    page.waitForFunction((words) => document.activeElement?.getAttribute('aria-label') === words, text);
  await page.keyboard.press('j');
  await focused('menus/administration.yml');
  await page.keyboard.press('v');
  await page.getByText('1 of 2 viewed').waitFor();
  await page.keyboard.press('j');
  await focused('menus/main.yml');
  await page.keyboard.press('k');
  await focused('menus/administration.yml');
  await page.keyboard.press('j');
  await focused('menus/main.yml');
  // A comment on a line: Tab leads from the file to its lines.
  await tabTo(page, /^Comment on line/);
  await page.keyboard.press('Enter');
  await page.keyboard.type('Is that the word on the forms?');
  await page.keyboard.press('Control+Enter');
  await page.getByText('1 drafted comment').waitFor();
  // An answer: n leads to the open thread.
  await page.keyboard.press('n');
  await page.waitForFunction(() => document.activeElement?.textContent?.includes('purchasing forms'));
  await tabTo(page, 'Answer');
  await page.keyboard.type('January is soon enough.');
  await page.keyboard.press('Control+Enter');
  await page.getByText('2 drafted comments').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'review-keys.png') });
  // While one types, a key is a letter.
  await page.keyboard.type('a');
  assert.equal(await page.getByRole('dialog').count(), 0);
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Escape');
  await page.keyboard.press('a');
  await byRole(page, 'dialog', 'Approve revision 1').waitFor();
  await tabTo(page, 'Comment');
  await page.keyboard.type('Good words.');
  await page.keyboard.press('Control+Enter');
  await byRole(page, 'dialog', 'Approve revision 1').waitFor({ state: 'detached' });
  await page.getByText('Approved', { exact: true }).first().waitFor();
  const now = await api('GET', `/apps/${demo.app_id}/changesets/${changeset.id}`);
  assert.equal(now.state, 'approved');
  const comments = await api('GET', `/apps/${demo.app_id}/changesets/${changeset.id}/comments`);
  assert.equal(comments.data.length, 4);
  await page.keyboard.press('g');
  await page.keyboard.press('r');
  await byRole(page, 'heading', 'Releases', { level: 1 }).waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  assert.deepEqual(broken, []);
  await context.close();
});

test('a config manager queues, orders, composes and publishes by key alone', async ({ browser, demo }) => {
  const title = 'Say who keeps the key';
  const other = 'Say who waters the plants';
  await approved(demo, title, { 'docs/key.md': 'On the hook.\n' });
  await apiOf(demo, demo.accounts.user)(
    'POST',
    `${await approved(demo, other, { 'docs/plants.md': 'Whoever is thirsty.\n' })}/queue`,
    {},
  );
  const { page, broken, context } = await person(browser, demo.url);
  await signIn(page, demo.accounts.config_manager);
  // What waits for one is a list of links.
  await tabTo(page, new RegExp(title));
  await page.keyboard.press('Enter');
  await byRole(page, 'heading', title, { level: 1 }).waitFor();
  await tabTo(page, 'Queue');
  // The side bar has a page of that name as well; the button comes after it.
  if ((await page.evaluate(() => document.activeElement?.tagName)) !== 'BUTTON') await tabTo(page, 'Queue');
  await page.keyboard.press('Enter');
  await page.getByText('Queued', { exact: true }).first().waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('q');
  const queue = page.getByRole('list', { name: 'Queue' });
  const first = queue.getByRole('listitem').first();
  const last = queue.getByRole('listitem').last();
  await last.filter({ hasText: title }).waitFor();
  await tabTo(page, new RegExp(`^Move #\\d+ ${title}`));
  await page.keyboard.press('ArrowUp');
  await last.filter({ hasText: other }).waitFor();
  await page.keyboard.press('Home');
  await first.filter({ hasText: title }).waitFor();
  await page.getByText(/is now at place 1 of/).waitFor({ state: 'attached' });
  await tabTo(page, /^Select #/);
  await page.keyboard.press('Space');
  await tabTo(page, 'Draft a release of 1', 'Shift+Tab');
  await page.keyboard.press('Enter');
  const { data } = await apiOf(demo, demo.accounts.config_manager)('GET', `/apps/${demo.app_id}/queue`);
  const { number } = data.find((one) => one.title === other);
  // The builder: one more is added, and put in front of the other.
  await page.getByText('Also queued').waitFor();
  await tabTo(page, `Add #${number}`);
  await page.keyboard.press('Enter');
  const members = page.getByRole('list', { name: 'Changesets of the release' });
  await members.getByRole('listitem').nth(1).filter({ hasText: other }).waitFor();
  await tabTo(page, new RegExp(`^Move #${number}`), 'Shift+Tab');
  await page.keyboard.press('Home');
  await members.getByRole('listitem').first().filter({ hasText: other }).waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'builder-keys.png') });
  await tabTo(page, 'Compose', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await page.getByText('Validated', { exact: true }).first().waitFor();
  await tabTo(page, 'Publish', 'Shift+Tab').catch(() => tabTo(page, 'Publish'));
  await page.keyboard.press('Enter');
  await byRole(page, 'dialog', 'Publish this release').waitFor();
  await tabTo(page, 'Publish');
  await page.keyboard.press('Enter');
  await page.getByText('Published', { exact: true }).first().waitFor();
  assert.deepEqual(broken, []);
  await context.close();
});

// The main job, from an edit to programs that run it: four people, each in a browser of their own, and a worker.
import assert from 'node:assert/strict';
import { guide, person, startWorker, violations } from './browser.mjs';
import { byRole, goesTo, test } from './tests.mjs';

const TITLE = 'Let the courier be later by night';
const FILE = 'providers/courier-tracking.yml';

/** The author: a workspace, an edit, what it means, a checkpoint, a changeset. Gives the address of the changeset. */
async function proposes({ page }, app) {
  await page.goto('/');
  await byRole(page, 'link', /^Clinical Lab/).click();
  await goesTo(page, 'Workspaces');
  await byRole(page, 'button', 'New workspace').click();
  await byRole(page, 'dialog', 'New workspace').getByLabel('Name').fill(TITLE);
  await byRole(page, 'button', 'Create').click();
  await byRole(page, 'heading', TITLE).waitFor();
  await page.keyboard.press('Control+p');
  await page.keyboard.type(FILE);
  await page.keyboard.press('Enter');
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type('# By night, couriers may be later.');
  await page.getByRole('status').getByText('Saved', { exact: true }).waitFor();
  // What was typed is still there after a reload.
  await page.reload();
  await page.locator('.cm-content').getByText('By night, couriers may be later.').waitFor();
  await guide(page, 'workspace');
  assert.deepEqual(await violations(page), []);
  await changes(page, '/vehicles/', 'path: /vehicles/last-position');
  await byRole(page, 'tab', /^Changes/).click();
  await page.getByText('In the words of the configuration').waitFor();
  await page.getByText('last-position').first().waitFor();
  await guide(page, 'workspace-changes');
  await byRole(page, 'tab', 'Edit').click();
  await byRole(page, 'button', 'Checkpoint').click();
  await byRole(page, 'dialog', 'Checkpoint').getByLabel('Message').fill('Wait longer for the courier');
  await byRole(page, 'button', 'Commit').click();
  await byRole(page, 'dialog', 'Checkpoint').waitFor({ state: 'detached' });
  await byRole(page, 'button', 'Submit').click();
  const submit = byRole(page, 'dialog', 'Submit as a changeset');
  await submit.getByLabel('Title').fill(TITLE);
  await submit.getByLabel('Description').fill('The bridge is closed by night until March.');
  await byRole(submit, 'button', 'Submit').click();
  await page.waitForURL(/\/changesets\//);
  await byRole(page, 'heading', TITLE).waitFor();
  await page.getByText('In review', { exact: true }).first().waitFor();
  assert.ok(page.url().includes(app));
  return new URL(page.url()).pathname;
}

/** Puts other words into the file that is open. */
async function changes(page, from, to) {
  const line = page.locator('.cm-line').filter({ hasText: from }).first();
  await line.click();
  await page.keyboard.press('Home');
  await page.keyboard.press('Shift+End');
  await page.keyboard.type(to);
  await page.getByRole('status').getByText('Saved', { exact: true }).waitFor();
}

/** The reviewer: from what waits to the line, with a question; the revision is not approved. */
async function asksForMore({ page }) {
  await page.goto('/');
  await byRole(page, 'link', new RegExp(TITLE)).waitFor();
  await guide(page, 'home');
  await byRole(page, 'link', new RegExp(TITLE)).click();
  await byRole(page, 'heading', TITLE).waitFor();
  await byRole(page, 'tab', /^Changes and impact/).click();
  await page.getByText('What it may break').waitFor();
  await byRole(page, 'tab', /^Files/).click();
  const file = byRole(page, 'region', FILE, { exact: true });
  const line = file.getByRole('row').filter({ hasText: 'By night' });
  await line.hover();
  await byRole(line, 'button', /^Comment on line/).click();
  await file.getByLabel('Comment', { exact: true }).fill('Until when? Say it here, or nobody takes it back.');
  await guide(page, 'review-comment');
  await byRole(file, 'button', 'Draft', { exact: true }).click();
  await byRole(page, 'button', 'Request changes').click();
  const decide = byRole(page, 'dialog', 'Request changes revision 1');
  await decide.getByLabel('Comment').fill('One question.');
  await byRole(decide, 'button', 'Request changes').click();
  await page.getByText('Changes requested', { exact: true }).first().waitFor();
}

/** The author: sees the question without a reload, answers it, and submits a second revision. */
async function answers({ page }, changeset) {
  await page.getByText('Changes requested', { exact: true }).first().waitFor();
  await byRole(page, 'tab', /^Files/).click();
  const thread = page.locator('[data-open-thread]').filter({ hasText: 'Until when?' });
  await thread.getByLabel('Answer').fill('Until March; it stands there now.');
  await byRole(thread, 'button', 'Answer now').click();
  await thread.getByRole('article').filter({ hasText: 'it stands there now' }).waitFor();
  await page.goto('/');
  await byRole(page, 'link', /^Clinical Lab/).click();
  await goesTo(page, 'Workspaces');
  await byRole(page, 'link', new RegExp(TITLE)).click();
  await byRole(page, 'heading', TITLE).waitFor();
  await page.keyboard.press('Control+p');
  await page.keyboard.type(FILE);
  await page.keyboard.press('Enter');
  await changes(page, 'By night', '# By night, couriers may be later, until March 2027.');
  await byRole(page, 'button', 'Submit').click();
  await byRole(page.getByRole('dialog'), 'button', 'Submit').click();
  await page.waitForURL((url) => url.pathname === changeset);
  await page.getByText('In review', { exact: true }).first().waitFor();
}

/** The reviewer: what is new since the first revision, and the approval of the second. */
async function approves({ page }) {
  await page.getByText('You look at revision 1; the newest is 2.').waitFor();
  await byRole(page, 'button', 'Show revision 2').click();
  await page.getByLabel('Compare', { exact: true }).selectOption('1');
  await page.getByText('until March 2027').first().waitFor();
  await guide(page, 'review-compare');
  const thread = page.locator('[data-open-thread]').filter({ hasText: 'Until when?' });
  await thread.getByText('it stands there now').first().waitFor();
  const approve = byRole(page, 'button', 'Approve', { exact: true });
  await approve.click();
  const decide = byRole(page, 'dialog', 'Approve revision 2');
  await decide.getByLabel('Comment').fill('Agreed.');
  await byRole(decide, 'button', 'Approve').click();
  await page.getByText('Approved', { exact: true }).first().waitFor();
  await approve.waitFor({ state: 'detached' });
}

/** The config manager: the queue, a release with everything in its order, composed and published. Gives the tag. */
async function publishes({ page }) {
  await byRole(page, 'link', /^Clinical Lab/).click();
  await goesTo(page, 'Queue');
  const queue = page.getByRole('list', { name: 'Queue' });
  const row = queue.getByRole('listitem').filter({ hasText: TITLE });
  await row.waitFor();
  await byRole(row, 'button', /^Move/).focus();
  await page.keyboard.press('Home');
  await queue.getByRole('listitem').first().filter({ hasText: TITLE }).waitFor();
  await row.getByRole('checkbox').check();
  await guide(page, 'queue');
  await byRole(page, 'button', 'Draft a release of 1').click();
  await byRole(page, 'button', 'Compose', { exact: true }).click();
  await page.getByText('Validated', { exact: true }).first().waitFor();
  await page.getByText('Merged', { exact: true }).first().waitFor();
  await page.getByText('last-position').first().waitFor();
  await guide(page, 'release-composed');
  await byRole(page, 'button', 'Publish', { exact: true }).click();
  const publish = byRole(page, 'dialog', 'Publish this release');
  await byRole(publish, 'button', 'Publish').click();
  await page.getByText('Published', { exact: true }).first().waitFor();
  const tag = await page.getByRole('heading', { level: 1 }).innerText();
  assert.match(tag, /^r\d{4}\.\d{2}\.\d{2}\.\d+$/);
  return tag;
}

/** The config manager: onto the first stage, and the same release onto the next. */
async function deploys({ page }, tag) {
  await goesTo(page, 'Environments');
  const stage = (name) => page.getByRole('listitem').filter({ has: byRole(page, 'link', name, { exact: true }) });
  await byRole(stage('dev'), 'button', 'Deploy').click();
  const deploy = byRole(page, 'dialog', 'Deploy to dev');
  await deploy.getByText('courier-tracking').first().waitFor();
  await guide(page, 'deploy');
  assert.deepEqual(await violations(page), []);
  await byRole(deploy, 'button', 'Deploy').click();
  await byRole(stage('dev'), 'link', tag).waitFor();
  await byRole(stage('staging'), 'button', `Promote ${tag}`).click();
  const promote = byRole(page, 'dialog', 'Promote to staging');
  await promote.getByText('courier-tracking').first().waitFor();
  await byRole(promote, 'button', `Promote ${tag}`).click();
  await byRole(stage('staging'), 'link', tag).waitFor();
  await guide(page, 'pipeline');
}

/** Runs a part of the job, and says whose it was if it fails. */
async function part(name, play) {
  try {
    return await play();
  } catch (error) {
    error.message = `${name}: ${error.message}`;
    throw error;
  }
}

test(
  'an edit becomes a release on two stages that a worker runs: four people, each in a browser of their own',
  async ({ browser, demo }) => {
    const app = `/apps/${demo.app_id}`;
    const environment = `${app}/environments/${demo.environments.dev}`;
    // They work at the same time, each in their own browser.
    const enter = (role) => person(browser, demo.url, demo.accounts[role]);
    const [author, reviewer] = await Promise.all([enter('user'), enter('reviewer')]);
    const [manager, operator] = await Promise.all([enter('config_manager'), enter('app_admin')]);
    const worker = startWorker(demo, 'dev', 'analyzer-gateway');
    try {
      const before = await worker.next();
      // The operator looks at the environment all the while, and never reloads.
      await operator.page.goto(environment);
      const workers = operator.page.locator('section').filter({ has: byRole(operator.page, 'heading', 'Workers') });
      await byRole(workers, 'heading', 'Up to date').waitFor();

      const changeset = await part('the author', () => proposes(author, app));
      await part('the reviewer', () => asksForMore(reviewer));
      await part('the author again', () => answers(author, changeset));
      await part('the reviewer again', () => approves(reviewer));
      await byRole(author.page, 'button', 'Queue', { exact: true }).click();
      await author.page.getByText('Queued', { exact: true }).first().waitFor();
      const tag = await part('the config manager', () => publishes(manager));
      await part('the config manager again', () => deploys(manager, tag));

      // The program took it by itself, and the page says so.
      const after = await worker.next();
      assert.equal(after.release_tag, tag);
      assert.ok(after.config_version > before.config_version);
      await workers.getByText(`Version ${after.config_version}`, { exact: true }).waitFor();
      await byRole(workers, 'heading', 'Up to date').waitFor();
      await guide(operator.page, 'workers');
      // One value now, without a release: the program takes that as well.
      await byRole(operator.page, 'link', 'Parameters').first().click();
      await operator.page.locator('#value-worklist_max_positions').fill('9');
      await byRole(operator.page, 'button', 'Review and save').click();
      const save = operator.page.getByRole('dialog');
      await save.getByLabel('Reason').fill('A narrow bench today');
      await byRole(save, 'button', 'Save', { exact: true }).click();
      await save.waitFor({ state: 'detached' });
      const saved = await worker.next();
      assert.equal(saved.config_version, after.config_version + 1);
      assert.equal(saved.release_tag, tag);
      await byRole(operator.page, 'link', 'dev', { exact: true }).click();
      await workers.getByText(`Version ${saved.config_version}`, { exact: true }).waitFor();
      // And what it was made of is told from the environment back to the line.
      await byRole(operator.page, 'link', tag).first().click();
      await byRole(operator.page, 'link', new RegExp(TITLE)).click();
      await operator.page.waitForURL((url) => url.pathname === changeset);
      await author.page.getByText('Released', { exact: true }).first().waitFor();
    } finally {
      await worker.stop();
    }
    for (const { broken, context } of [author, reviewer, manager, operator]) {
      assert.deepEqual(broken, []);
      await context.close();
    }
  },
  { takesPictures: true },
);

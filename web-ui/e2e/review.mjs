// Reviewing: comments that are published together, and a diff of ten thousand lines.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { apiOf, approved, published } from './api.mjs';
import { look, person, SHOTS, settled, startDemo, violations } from './browser.mjs';
import { byRole, test } from './tests.mjs';

const LINES = 10_000;

test('comments are drafted and published with a decision, and ten thousand lines scroll', async ({ browser, demo }) => {
  const app = `/apps/${demo.app_id}`;
  const call = async (method, path, body) => {
    const answer = await fetch(`${demo.url}/api${app}${path}`, {
      method,
      headers: { authorization: `Bearer ${demo.accounts.user.token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    assert.ok(answer.ok, `${path}: ${await answer.clone().text()}`);
    return answer.json();
  };
  const workspace = await call('POST', '/workspaces', { name: 'A very long list' });
  const text = Array.from({ length: LINES }, (_, at) => `Line ${at + 1} of the list\n`).join('');
  const put = (path, content, expected_blob = null) =>
    call('PUT', `/workspaces/${workspace.id}/files`, {
      edits: [{ op: 'put', path, text: content, expected_blob }],
    });
  await put('docs/long.txt', text);
  await put('docs/short.txt', 'One line.\n');
  const changeset = await call('POST', '/changesets', { workspace_id: workspace.id, title: 'Add a very long list' });
  await call('POST', `/changesets/${changeset.id}/submit`, {});

  const { page, broken, context } = await person(browser, demo.url, demo.accounts.reviewer);
  await page.goto(`${app}/changesets/${changeset.id}?tab=files`);
  const long = byRole(page, 'region', 'docs/long.txt', { exact: true });
  await long.getByText('Line 1 of the list', { exact: true }).waitFor();
  // Only what is near is drawn, and what one scrolls to is there.
  const drawn = () => page.evaluate(() => document.querySelectorAll('tr').length);
  assert.ok((await drawn()) < 1_500, `${await drawn()} rows are drawn`);
  const slowest = await page.evaluate(async () => {
    const frame = () => new Promise(requestAnimationFrame);
    let longest = 0;
    let before = await frame();
    for (let step = 0; step < 60; step++) {
      window.scrollBy(0, 700);
      const now = await frame();
      longest = Math.max(longest, now - before);
      before = now;
    }
    return longest;
  });
  console.log(`       the slowest frame of scrolling took ${Math.round(slowest)} ms`);
  assert.ok((await drawn()) < 1_500, `${await drawn()} rows are drawn after scrolling`);
  await page.goto(`${app}/changesets/${changeset.id}?tab=files&file=docs/long.txt&line=9000`);
  await long.getByText('Line 9000 of the list', { exact: true }).waitFor();
  await page.waitForFunction(() => {
    const place = document.getElementById('file-docs/long.txt-9000')?.getBoundingClientRect();
    return place && place.top > 0 && place.bottom < window.innerHeight;
  });

  // Two drafts, on a line and on another one; they are still there after a reload, and nobody else sees them.
  for (const line of [9000, 9001]) {
    await long.getByText(`Line ${line} of the list`, { exact: true }).hover();
    await byRole(long, 'button', `Comment on line ${line}`).click();
    await long.getByLabel('Comment', { exact: true }).fill(`What is line ${line} for?`);
    await byRole(long, 'button', 'Draft', { exact: true }).click();
  }
  await page.getByText('2 drafted comments').waitFor();
  await page.reload();
  await page.getByText('2 drafted comments').waitFor();
  assert.equal((await call('GET', `/changesets/${changeset.id}/comments`)).data.length, 0);
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'review-drafts.png') });
  await byRole(page, 'button', 'Request changes').click();
  const decide = page.getByRole('dialog');
  await decide.getByText('The 2 drafted comments are published with it.').waitFor();
  await byRole(decide, 'button', 'Request changes').click();
  await decide.waitFor({ state: 'detached' });
  await page.getByText('2 drafted comments').waitFor({ state: 'detached' });
  assert.equal((await call('GET', `/changesets/${changeset.id}/comments`)).data.length, 2);
  // By key from thread to thread.
  await long.getByText('What is line 9000 for?').waitFor();
  await page.keyboard.press('n');
  await page.waitForFunction(() => document.activeElement?.textContent?.includes('What is line 9000'));
  await page.keyboard.press('n');
  await page.waitForFunction(() => document.activeElement?.textContent?.includes('What is line 9001'));

  // What is viewed and changes is unread again; threads of the revision before say where they stood.
  const short = byRole(page, 'region', 'docs/short.txt', { exact: true });
  for (const file of [long, short]) await file.getByRole('checkbox', { name: 'Viewed' }).check();
  await page.getByText('2 of 2 viewed').waitFor();
  const { blob } = await call('GET', `/workspaces/${workspace.id}/files?path=docs/short.txt`);
  await put('docs/short.txt', 'One line, changed.\n', blob);
  await call('POST', `/changesets/${changeset.id}/resubmit`, {});
  await page.getByText('You look at revision 1; the newest is 2.').waitFor();
  await byRole(page, 'button', 'Show revision 2').click();
  await page.getByText('1 of 2 viewed').waitFor();
  await short.getByText('One line, changed.').waitFor();
  await page.getByLabel('Compare', { exact: true }).selectOption('1');
  await page.getByText('0 of 1 viewed').waitFor();
  await page.getByText('line 9000 of revision 1').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.screenshot({ path: join(SHOTS, 'review-compare.png') });
  assert.deepEqual(broken, []);
  await context.close();
});

test('YAML and JSON are read in colours, where a file has five thousand lines, and where a line is endless', async ({
  browser,
  demo,
}) => {
  const app = `/apps/${demo.app_id}`;
  const author = apiOf(demo, demo.accounts.user);
  const workspace = await author('POST', `${app}/workspaces`, { name: 'In colours' });
  const row = (at) => `  - {name: bed_${at}, beds: ${at}, open: true} # ward ${at % 7}\n`;
  const files = {
    'docs/beds.yml': `beds:\n${Array.from({ length: 5_000 }, (_, at) => row(at)).join('')}`,
    'docs/endless.yml': `note: |\n  see: below\nendless: "${'so long '.repeat(10_000)}"\nafter: 7\n`,
    'docs/units.json': '{\n  "unit": "mmol/l",\n  "digits": 2,\n  "critical": false\n}\n',
  };
  const edits = Object.entries(files).map(([path, text]) => ({ op: 'put', path, text, expected_blob: null }));
  await author('PUT', `${app}/workspaces/${workspace.id}/files`, { edits });
  const wish = { workspace_id: workspace.id, title: 'Show what colours do' };
  const changeset = await author('POST', `${app}/changesets`, wish);
  await author('POST', `${app}/changesets/${changeset.id}/submit`, {});

  const { page, broken, context } = await person(browser, demo.url, demo.accounts.reviewer);
  const wrong = [];
  await page.goto(`${app}/changesets/${changeset.id}?tab=files`);
  await settled(page);
  const file = (path) => byRole(page, 'region', path, { exact: true });
  const beds = file('docs/beds.yml');
  await beds.getByText('bed_3,').waitFor();
  const coloured = (within, look) => within.locator(`td .${look}`).allTextContents();
  assert.ok((await coloured(beds, 'text-accent')).slice(0, 4).every((key) => ['beds', 'name', 'open'].includes(key)));
  assert.ok((await coloured(beds, 'text-info')).includes('true'));
  assert.ok((await coloured(beds, 'italic')).includes('# ward 3'));
  await look(page, 'review-colours', wrong);
  const drawn = () => page.evaluate(() => document.querySelectorAll('tr').length);
  assert.ok((await drawn()) < 1_500, `${await drawn()} rows are drawn`);
  const frames = await page.evaluate(async () => {
    const frame = () => new Promise(requestAnimationFrame);
    const took = [];
    let before = await frame();
    for (let step = 0; step < 60; step++) {
      window.scrollBy(0, 700);
      const now = await frame();
      took.push(now - before);
      before = now;
    }
    return took.sort((one, other) => one - other);
  });
  console.log(
    `       frames of scrolling took ${Math.round(frames[30])} ms, the slowest ${Math.round(frames.at(-1))} ms`,
  );
  assert.ok((await drawn()) < 1_500, `${await drawn()} rows are drawn after scrolling`);

  // An endless line is left as it is; text of a block holds no keys; the lines after it have their colours.
  await page.goto(`${app}/changesets/${changeset.id}?tab=files&file=docs/endless.yml`);
  await settled(page);
  const endless = file('docs/endless.yml');
  await endless.getByText('see: below').waitFor();
  assert.deepEqual(await coloured(endless, 'text-accent'), ['note', 'after']);
  const units = file('docs/units.json');
  await units.scrollIntoViewIfNeeded();
  await units.getByText('"digits"').waitFor();
  assert.deepEqual(await coloured(units, 'text-info'), ['2', 'false']);
  await look(page, 'review-colours-json', wrong);
  assert.deepEqual(wrong, []);
  assert.deepEqual(broken, []);
  await context.close();
});

test('an approved changeset that lacks a newer release says that a sync comes first, and leads there', async ({
  browser,
}) => {
  // A release takes the head from under what others approved, so the laboratory is one of its own.
  const demo = await startDemo();
  try {
    const at = await approved(demo, 'Say where the needles go', { 'docs/needles.md': 'Into the yellow box.\n' });
    const author = await person(browser, demo.url, demo.accounts.user);
    const { page } = author;
    const wrong = [];
    await page.goto(at);
    await byRole(page, 'button', 'Queue', { exact: true }).waitFor();
    await published(demo, 'Say where the gloves are', { 'docs/gloves.md': 'By the sink.\n' });
    await page.getByText('A release was published since it was approved.').waitFor();
    await byRole(page, 'button', 'Queue', { exact: true }).waitFor({ state: 'detached' });
    await look(page, 'review-sync-first', wrong);
    const manager = await person(browser, demo.url, demo.accounts.config_manager);
    await manager.page.goto(at);
    await manager.page.getByText(/syncs its workspace first, then it can be queued/).waitFor();
    assert.equal(await byRole(manager.page, 'button', 'Queue', { exact: true }).count(), 0);
    await byRole(page, 'link', 'Sync its workspace').click();
    await byRole(page, 'heading', 'Say where the needles go').waitFor();
    await page.waitForURL(/\/workspaces\//);
    assert.deepEqual(wrong, []);
    for (const { broken, context } of [author, manager]) {
      assert.deepEqual(broken, []);
      await context.close();
    }
  } finally {
    await demo.stop();
  }
});

// Reviewing: comments that are published together, and a diff of ten thousand lines.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { person, SHOTS, violations } from './browser.mjs';
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

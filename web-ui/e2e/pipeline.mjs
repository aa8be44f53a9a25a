// The pipeline with its history: what stages run, what waits, what holds it, and where each release got to.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { apiOf, published } from './api.mjs';
import { look, person, SHOTS, settled, startDemo } from './browser.mjs';
import { byRole, test } from './tests.mjs';

test('the pipeline shows what runs, what waits and why, and where each release got to', async ({ browser }) => {
  // Its stages are frozen and drift, so the laboratory is one of its own.
  const demo = await startDemo();
  try {
    const app = `/apps/${demo.app_id}`;
    const { dev, staging, prod } = demo.environments;
    const [manager, admin] = ['config_manager', 'app_admin'].map((role) => apiOf(demo, demo.accounts[role]));
    const release = await published(demo, 'Say where the first aid box is', { 'docs/first-aid.md': 'By the door.\n' });
    const manual = await person(browser, demo.url, demo.accounts.config_manager);
    const { page } = manual;
    await page.goto(`${app}/environments`);
    const stage = (name) => page.getByRole('listitem').filter({ has: byRole(page, 'link', name, { exact: true }) });
    // What is published waits at the first stage; nobody has to reload to see it arrive.
    await stage('dev').getByText(`${release.tag} is published`).waitFor();
    await manager('POST', `${app}/environments/${dev}/deploy`, { release_id: release.id });
    await byRole(stage('dev'), 'link', release.tag).waitFor();
    await stage('dev').getByText('The newest release').waitFor();
    await stage('dev').getByText('by Mei Tanaka').waitFor();
    await stage('staging').getByText(`${release.tag} from dev`).waitFor();

    // One stage is frozen, one waits for approvals, and values of one do not run yet.
    const hour = 3_600_000;
    const schedule = {
      kind: 'once',
      starts_at: new Date(Date.now() - hour).toISOString(),
      ends_at: new Date(Date.now() + 2 * hour).toISOString(),
    };
    await admin('POST', `${app}/environments/${staging}/freeze-windows`, { name: 'Stocktaking', banner: '', schedule });
    await manager('POST', `${app}/environments/${prod}/deploy`, { release_id: release.id });
    await stage('staging').getByText('once the freeze has ended').waitFor();
    await stage('prod').getByText('0 of 2 approvals').waitFor();
    const profile = (await admin('GET', `${app}/environments`)).data[0].profile_id;
    const at = `${demo.url}/api${app}/runtime-profiles/${profile}`;
    const headers = {
      authorization: `Bearer ${demo.accounts.app_admin.token}`,
      'content-type': 'application/json',
    };
    const read = await fetch(at, { headers });
    const edited = await fetch(at, {
      method: 'PATCH',
      headers: { ...headers, 'if-match': read.headers.get('etag') },
      body: JSON.stringify({ env_vars: { ...(await read.json()).env_vars, NOTE: 'new' }, reason: 'A note.' }),
    });
    assert.ok(edited.ok, await edited.clone().text());
    await stage('dev')
      .getByText(/^Drift: profile revision \d+ does not run$/)
      .waitFor();

    // The grid has a row for each release and a column for each stage; by key one comes to the deployment and back.
    const grid = byRole(page, 'table', '');
    const row = byRole(grid, 'row', new RegExp(release.tag));
    await row.getByText('Runs here').waitFor();
    await row.getByText('Waits for approval').waitFor();
    await row.getByText('Not deployed to staging').waitFor();
    await byRole(grid, 'row', /Ran here/).waitFor();
    const wrong = [];
    await settled(page);
    await look(page, 'pipeline', wrong);
    // On a phone the stages stand below their release, and nothing scrolls sideways.
    await page.setViewportSize({ width: 360, height: 740 });
    const phone = page.getByRole('list', { name: 'Releases by stage' });
    await phone.getByText('Runs here').first().waitFor();
    assert.equal(await grid.count(), 0);
    await phone.scrollIntoViewIfNeeded();
    await page.screenshot({ path: join(SHOTS, 'release-grid-narrow.png') });
    await page.setViewportSize({ width: 1280, height: 800 });
    // What is under way holds the stage: nothing else is offered there, and the reason leads to it.
    await page.goto(`${app}/environments/${prod}`);
    await page.getByText(/^Nothing else is put here before/).waitFor();
    assert.equal(await byRole(page, 'button', /Promote|Deploy|Redeploy/).count(), 0);
    await look(page, 'environment-held', wrong);
    await byRole(page, 'link', `the deployment of ${release.tag}`).click();
    await byRole(page, 'heading', `${release.tag} on prod`).waitFor();
    await page.goto(`${app}/environments`);
    await settled(page);
    await byRole(row, 'link', /on prod/).focus();
    await page.keyboard.press('Enter');
    await byRole(page, 'heading', `${release.tag} on prod`).waitFor();
    await page.getByText('Leaves stages out, asked for').waitFor();
    await byRole(page, 'button', 'Approve').waitFor();
    await look(page, 'deployment-waiting', wrong);
    await page.goBack();

    // The list tells the same, and the address keeps it.
    await byRole(page, 'button', 'List').click();
    await byRole(page, 'row', /^staging/)
      .getByText('once the freeze has ended')
      .waitFor();
    assert.match(page.url(), /view=list/);
    await page.reload();
    await byRole(page, 'button', 'List', { pressed: true }).waitFor();
    await byRole(page, 'row', /^prod/).getByText('0 of 2 approvals').first().waitFor();
    await settled(page);
    await look(page, 'pipeline-list', wrong);
    await page.setViewportSize({ width: 1920, height: 1000 });
    await page.goto(app);
    await settled(page);
    await look(page, 'overview-busy', wrong);

    // Whoever may not deploy reads who may.
    const author = await person(browser, demo.url, demo.accounts.user);
    await author.page.goto(app);
    await author.page
      .getByText(/this needs the role config manager/)
      .first()
      .waitFor();
    assert.equal(await byRole(author.page, 'button', /Promote|Deploy/).count(), 0);
    assert.deepEqual(wrong, []);
    for (const { broken, context } of [manual, author]) {
      assert.deepEqual(broken, []);
      await context.close();
    }
  } finally {
    await demo.stop();
  }
});

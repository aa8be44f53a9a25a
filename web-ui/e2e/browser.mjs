// Starts what the browser tests need: the conman binary on a free port, and Debian's chromium.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { smaller } from './png.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
/** How long anything may take. Machines are shared: a test waits for what it expects, and never for a time. */
export const PATIENCE = Number(process.env.CONMAN_PATIENCE ?? 120_000);
/** Where screenshots are kept. */
export const SHOTS = process.env.CONMAN_SHOTS ?? join(here, '../../target/console-screenshots');

/** Where the pictures of the user guide are put. */
const PICTURES = process.env.CONMAN_GUIDE ?? join(SHOTS, 'guide');
/** What everybody's window measures, in pixels. */
const WINDOW = { width: 1280, height: 800 };

const binary = () => process.env.CONMAN_BIN ?? join(here, '../../target/debug/conman');

function startServer(args, env = {}) {
  const child = spawn(binary(), args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes) => {
    said += bytes;
  });
  const stop = () =>
    new Promise((resolve) => {
      if (child.exitCode !== null) return resolve();
      child.once('exit', resolve);
      child.kill('SIGTERM');
    });
  const until = (find) =>
    new Promise((resolve, reject) => {
      let out = '';
      const look = () => {
        const found = find(out, said);
        if (found) resolve(found);
      };
      child.stdout.on('data', (bytes) => {
        out += bytes;
        look();
      });
      child.stderr.on('data', look);
      child.once('exit', (code) => reject(new Error(`conman ended with ${code} before it was ready\n${said}`)));
    });
  return { until, stop };
}

/** A laboratory with people, changesets, a release, and three stages that run it. */
export async function startDemo() {
  const data = mkdtempSync(join(tmpdir(), 'conman-e2e-'));
  const server = startServer(['demo', '--serve', '--json', '--listen', '127.0.0.1:0', '--data', data]);
  const demo = await server.until((out) => {
    const line = out.split('\n').find((one) => one.startsWith('{') && one.includes('"url"'));
    return line && out.includes('\n') && JSON.parse(line);
  });
  return {
    ...demo,
    stop: async () => {
      await server.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** A server that nobody has set up yet, and its one-time link. */
export async function startEmpty() {
  const data = mkdtempSync(join(tmpdir(), 'conman-e2e-'));
  const server = startServer(['serve', '--listen', '127.0.0.1:0', '--data', data]);
  const link = await server.until((out, said) => /https?:\/\/[^\s"]+\/setup\/[A-Za-z0-9_-]+/.exec(out + said)?.[0]);
  return {
    link,
    url: new URL(link).origin,
    stop: async () => {
      await server.stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** A program that follows an environment, as anybody runs one: `next()` is the next version that it applied. */
export function startWorker(demo, environment, name) {
  const token = demo.service_tokens[environment];
  const words = ['worker', 'run', '--server', demo.url, '--token', token, '--name', name, '--output', 'json'];
  const child = spawn(binary(), words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    next: async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`the worker ended with ${child.exitCode}`);
      return JSON.parse(value);
    },
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null) return resolve();
        child.once('exit', resolve);
        child.kill('SIGTERM');
      }),
  };
}

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function startBrowser() {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
  if (!executablePath) throw new Error('there is no chromium: install Debian’s package of that name');
  mkdirSync(PICTURES, { recursive: true });
  mkdirSync(SHOTS, { recursive: true });
  return chromium.launch({ executablePath, args: FLAGS, timeout: PATIENCE });
}

const axe = readFileSync(join(here, '../node_modules/axe-core/axe.min.js'), 'utf8');

/** What axe finds on a page by WCAG 2.2, levels A and AA. */
export async function violations(page) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
  const found = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary?.split('\n')[1] ?? ''}`),
  );
}

/** A person with a browser of their own; what the page refuses or breaks on is a failure of the test. */
export async function person(browser, url, account, options = {}) {
  const context = await browser.newContext({ baseURL: url, viewport: WINDOW, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const broken = [];
  page.on('pageerror', (error) => broken.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy|Uncaught/.test(message.text())) broken.push(message.text());
  });
  if (account) {
    await page.goto('/sign-in');
    await page.getByLabel('E-mail').fill(account.email);
    await page.getByLabel('Password').fill(account.password);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Home' }).waitFor();
  }
  return { context, page, broken };
}

const loaded = (page) =>
  page.waitForFunction(() =>
    [...document.querySelectorAll('[role=status] .sr-only')].every(({ textContent }) => textContent !== 'Loading'),
  );

/** Waits until nothing on the page loads any more. */
export async function settled(page) {
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await loaded(page);
}

/** Looks at what is on a page, as both themes and a phone show it. */
export async function look(page, name, wrong) {
  // Colours that are still on their way from one theme to the other would be measured.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  for (const theme of ['light', 'dark']) {
    await page.evaluate((chosen) => {
      document.documentElement.dataset.theme = chosen;
    }, theme);
    for (const violation of await violations(page)) wrong.push(`${name}, ${theme}: ${violation}`);
    await page.screenshot({ path: join(SHOTS, `${name}-${theme}.png`) });
  }
  await page.setViewportSize({ width: 360, height: 740 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) wrong.push(`${name}: ${overflow} pixels wider than a phone`);
  await page.screenshot({ path: join(SHOTS, `${name}-narrow.png`) });
  await page.setViewportSize(WINDOW);
}

/** The names of the pictures that were taken for the user guide. */
export const pictures = new Set();

/** Takes a picture for the user guide: what the person sees at this moment of their work. */
export async function guide(page, name) {
  pictures.add(name);
  await loaded(page);
  // What was done a moment ago is not what the picture is about.
  await page
    .locator('[aria-label=Messages] [aria-label=Dismiss]')
    .evaluateAll((buttons) => buttons.map((button) => button.click()));
  const picture = await page.screenshot({ animations: 'disabled' });
  // Those that are kept are made smaller; otherwise it is enough that they can be taken.
  writeFileSync(join(PICTURES, `${name}.png`), process.env.CONMAN_GUIDE ? smaller(picture) : picture);
}

/** What a page loads from here on, once it is all there: files by their size in gzip, fonts as they are. */
export function weighing(page) {
  const parts = [];
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.startsWith('/api/')) return;
    parts.push(response.body().then((body) => (pathname.endsWith('.woff2') ? body.length : gzipSync(body).length)));
  });
  return async () => {
    const sizes = await Promise.all(parts);
    return { gzip_bytes: sizes.reduce((sum, part) => sum + part, 0), files: sizes.length };
  };
}

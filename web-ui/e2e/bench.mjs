// What the console weighs and how long its pages take, against the real binary and in Debian's chromium: one JSON object
// a line. `npm run bench -- --rounds 5`.
import { apiOf, approved, published, until } from './api.mjs';
import { person, startBrowser, startDemo, weighing } from './browser.mjs';

const given = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const rounds = Number(given('rounds', 5));
const build = given('build', 'unknown');
const FILES = Number(given('files', 300));
const PARAMETERS = Number(given('parameters', 1000));

const tell = (line) => console.log(JSON.stringify({ bench: 'console', build, ...line }));
const median = (list) => [...list].sort((one, other) => one - other)[Math.floor(list.length / 2)];

/** What is read before a page can be used: files by their size in gzip, fonts as they are. */
async function weigh(context, path) {
  const page = await context.newPage();
  const weight = weighing(page);
  await page.goto(path);
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await page.waitForLoadState('networkidle');
  const weighed = await weight();
  await page.close();
  return weighed;
}

/** Notes, in the page, when what is waited for has been drawn: the frame after it is there is over. */
const watch = ({ selector, count }) => {
  const look = () => {
    if (document.querySelectorAll(selector).length < count) return requestAnimationFrame(look);
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      window.usableAt = performance.now();
    };
    requestAnimationFrame(() => channel.port2.postMessage(0));
  };
  document.addEventListener('DOMContentLoaded', look);
};

/** From the navigation until a page can be used, in milliseconds. */
async function usable(page, path) {
  await page.goto(path);
  return (await page.waitForFunction(() => window.usableAt)).jsonValue();
}

/** From a key to the frame that shows it, in milliseconds: the slowest of a few. */
async function typed(page, { into, text }) {
  if (into) await page.locator(into).first().focus();
  await page.evaluate(() => {
    window.slowest = 0;
    document.addEventListener(
      'keydown',
      (event) => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => {
          window.slowest = Math.max(window.slowest, performance.now() - event.timeStamp);
        };
        requestAnimationFrame(() => channel.port2.postMessage(0));
      },
      true,
    );
  });
  for (const key of text) {
    await page.keyboard.press(key);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  }
  return page.evaluate(() => window.slowest);
}

/** Measures one page: with nothing kept from before, and once more in the same browser. */
async function measure(browser, demo, state, name, path, selector, count, keys) {
  const [cold, warm, typing] = [[], [], []];
  for (let round = 0; round <= rounds; round++) {
    const context = await browser.newContext({
      baseURL: demo.url,
      viewport: { width: 1280, height: 800 },
      storageState: state,
    });
    await context.addInitScript(watch, { selector, count });
    const page = await context.newPage();
    const [first, second] = [await usable(page, path), await usable(page, path)];
    const key = keys ? await typed(page, keys) : undefined;
    await context.close();
    // The first round warms the server up.
    if (round === 0) continue;
    cold.push(first);
    warm.push(second);
    if (key !== undefined) typing.push(key);
  }
  const round = (list) => Math.round(median(list));
  tell({
    what: 'usable',
    page: name,
    rounds,
    cold_ms: round(cold),
    warm_ms: round(warm),
    ...(typing.length > 0 ? { key_ms: round(typing) } : {}),
  });
}

/** A file of a size as configuration has it. */
const entity = (at) =>
  `type: entity\nname: bench_${at}\nfields:\n${Array.from({ length: 12 }, (_, field) => `  - name: field_${field}\n    type: text\n`).join('')}`;

const catalog = `parameters:\n${Array.from(
  { length: PARAMETERS },
  (_, at) =>
    `  - {name: bench_${String(at).padStart(4, '0')}, type: int, default: ${at}, min: 0, max: 100000, group: bench_${at % 20}, description: What number ${at} steers}\n`,
).join('')}`;

const [browser, demo] = await Promise.all([startBrowser(), startDemo()]);
try {
  const app = `/apps/${demo.app_id}`;
  const api = apiOf(demo, demo.accounts.config_manager);
  const review = await approved(
    demo,
    'Many files at once',
    Object.fromEntries(Array.from({ length: FILES }, (_, at) => [`entities/bench/bench-${at}.yml`, entity(at)])),
  );
  const release = await published(demo, 'Many parameters', { 'catalog/bench.yml': catalog });
  const dev = `${app}/environments/${demo.environments.dev}`;
  await api('POST', `${dev}/deploy`, { release_id: release.id });
  await until(async () => (await api('GET', `${dev}/config`)).release_tag === release.tag);

  const { context, page } = await person(browser, demo.url, demo.accounts.config_manager);
  const state = await context.storageState();
  await page.close();
  await context.close();
  const fresh = () => browser.newContext({ baseURL: demo.url, storageState: state });
  const first = await fresh();
  const home = await weigh(first, '/');
  await first.close();
  tell({ what: 'weight', route: 'home', ...home });
  const routes = {
    overview: app,
    changesets: `${app}/changesets`,
    review,
    'review files': `${review}?tab=files`,
    queue: `${app}/queue`,
    releases: `${app}/releases`,
    release: `${app}/releases/${release.id}`,
    environments: `${app}/environments`,
    environment: dev,
    parameters: `${dev}/parameters`,
    workspaces: `${app}/workspaces`,
    catalog: `${app}/catalog`,
    runs: `${app}/runs`,
    profiles: `${app}/profiles`,
    jobs: `${app}/jobs`,
    audit: `${app}/audit`,
    members: `${app}/members`,
    settings: `${app}/settings`,
    account: '/me',
  };
  for (const [route, path] of Object.entries(routes)) {
    const own = await fresh();
    const whole = await weigh(own, path);
    await own.close();
    tell({ what: 'weight', route, ...whole, beyond_home: whole.gzip_bytes - home.gzip_bytes });
  }
  await measure(browser, demo, state, 'home', '/', 'main section ul li a, main section li a', 1);
  await measure(
    browser,
    demo,
    state,
    `review of ${FILES} files`,
    `${review}?tab=files`,
    'section[id^="file-"]',
    FILES,
    { text: 'jjjjj' },
  );
  await measure(
    browser,
    demo,
    state,
    `parameters, ${PARAMETERS} and more`,
    `${dev}/parameters`,
    'li [id^="value-"]',
    PARAMETERS,
    { into: '#value-bench_0500', text: '12345' },
  );
} finally {
  await browser.close();
  await demo.stop();
}

// The browser tests of the console, against the real binary and in Debian's chromium. One process, one demo, in order:
// who set up the laboratory, and then its people on one working day.
import { join } from 'node:path';
import { PATIENCE, SHOTS, startBrowser, startDemo } from './browser.mjs';
import { tests } from './tests.mjs';
import './day.mjs';
import './main-job.mjs';
import './mails.mjs';
import './keys.mjs';
import './freezes.mjs';
import './restore.mjs';
import './catalog.mjs';
import './runs.mjs';
import './profiles.mjs';
import './settings.mjs';
import './audit.mjs';
import './editor.mjs';
import './workspace.mjs';
import './review.mjs';
import './pipeline.mjs';
import './past.mjs';
import './deployment.mjs';
import './home.mjs';
import './doors.mjs';
import './follow.mjs';
import './workers.mjs';
import './guide.mjs';

// Words choose tests by their names; `--guide` chooses those that take the pictures of the user guide.
const isGuide = process.argv.includes('--guide');
const only = process.argv.slice(2).filter((word) => word !== '--guide');
const [browser, demo] = await Promise.all([startBrowser(), startDemo()]);
let passed = 0;
let failed = 0;
for (const { name, run, takesPictures } of tests) {
  if (isGuide && !takesPictures) continue;
  if (only.length > 0 && !only.some((words) => name.includes(words))) continue;
  const began = Date.now();
  try {
    await run({ browser, demo });
    passed += 1;
    console.log(`ok     ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error.stack ?? error}`);
    for (const [at, page] of browser
      .contexts()
      .flatMap((context) => context.pages())
      .entries()) {
      await page.screenshot({ path: join(SHOTS, `failed-${at}.png`), timeout: PATIENCE }).catch(() => undefined);
    }
    for (const context of browser.contexts()) await context.close();
  }
}
await browser.close();
await demo.stop();
console.log(`Browser tests: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

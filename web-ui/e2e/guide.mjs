// The user guide: its pictures are those that the tests took, and none of them is too heavy to read.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pictures } from './browser.mjs';
import { test } from './tests.mjs';

const GUIDE = fileURLToPath(new URL('../../docs/guide', import.meta.url));
/** The most bytes that one picture has. */
const HEAVY = 160_000;

test(
  'every picture of the user guide is one that was taken here, and is there',
  () => {
    // Where only a few tests run there is nothing to compare with.
    if (pictures.size === 0) return;
    const pages = readdirSync(GUIDE).filter((name) => name.endsWith('.md'));
    const named = new Set(
      pages.flatMap((name) =>
        [...readFileSync(join(GUIDE, name), 'utf8').matchAll(/\]\(images\/([^)]+)\.png\)/g)].map(([, image]) => image),
      ),
    );
    const there = readdirSync(join(GUIDE, 'images')).map((name) => name.replace(/\.png$/, ''));
    assert.deepEqual([...named].sort(), [...pictures].sort(), 'named in the guide, and taken by the tests');
    assert.deepEqual(there.sort(), [...named].sort(), 'in docs/guide/images, and named in the guide');
    for (const image of there) {
      const { size } = statSync(join(GUIDE, 'images', `${image}.png`));
      assert.ok(size < HEAVY, `${image}.png has ${size} bytes`);
    }
  },
  { takesPictures: true },
);

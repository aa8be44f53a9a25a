/// <reference types="vitest/config" />
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** Where `npm run dev` finds the server. */
const server = process.env.CONMAN_SERVER ?? 'http://127.0.0.1:7070';

/** The icons of the side bar, which every page shows: one file, instead of one each that some other page shows as well. */
const ICONS = [
  'book-open',
  'boxes',
  'cloud-off',
  'file-clock',
  'file-sliders',
  'flask-conical',
  'git-pull-request-arrow',
  'house',
  'layers',
  'list-ordered',
  'log-out',
  'mail',
  'menu',
  'moon',
  'package-check',
  'pencil-ruler',
  'search',
  'settings',
  'sun',
  'sun-moon',
  'users',
  'wrench',
];

/** Lays a compressed file beside each one that is worth it; the server gives it to who takes that. */
const compressed: Plugin = {
  name: 'compressed',
  apply: 'build',
  writeBundle({ dir = 'dist' }, bundle) {
    for (const name of Object.keys(bundle)) {
      if (!/\.(js|css|svg)$/.test(name)) continue;
      const path = join(dir, name);
      writeFileSync(`${path}.br`, brotliCompressSync(readFileSync(path)));
    }
  },
};

export default defineConfig({
  plugins: [react(), tailwindcss(), compressed],
  build: {
    target: 'es2023',
    // Nothing is inlined: the server's Content-Security-Policy takes files of its own only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [{ name: 'icons', test: new RegExp(`/lucide-react/.*/icons/(${ICONS.join('|')})\\.m?js$`) }],
        },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ['/api', '/v1', '/livez', '/readyz', '/metrics'].map((path) => [path, { target: server }]),
    ),
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    testTimeout: 60_000,
  },
});

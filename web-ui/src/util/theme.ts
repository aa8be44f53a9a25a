export type Theme = 'system' | 'light' | 'dark';

const KEY = 'conman.theme';
const dark = () => window.matchMedia('(prefers-color-scheme: dark)');

export function chosenTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

/** Puts the chosen theme on the page, and follows the system where that was chosen. */
export function applyTheme(): void {
  const show = () => {
    const theme = chosenTheme();
    document.documentElement.dataset.theme = theme === 'system' ? (dark().matches ? 'dark' : 'light') : theme;
  };
  show();
  dark().addEventListener('change', show);
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  document.documentElement.dataset.theme = theme === 'system' ? (dark().matches ? 'dark' : 'light') : theme;
}

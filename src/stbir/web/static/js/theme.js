/**
 * Dark or light: as the system asks, unless the user chose. Runs before the page is painted in full; fires `stbir:theme`
 * on the document when the colours change, because canvases do not follow by themselves.
 */

const CHOICE = 'stbir.theme';
const system = matchMedia('(prefers-color-scheme: dark)');

/** @returns {'dark' | 'light'} */
function current() {
  return document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light';
}

function apply() {
  const theme = stored() ?? (system.matches ? 'dark' : 'light');
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event('stbir:theme'));
}

/** @returns {string | null} */
function stored() {
  try {
    const choice = localStorage.getItem(CHOICE);
    return choice === 'dark' || choice === 'light' ? choice : null;
  } catch {
    return null;
  }
}

/** Change sides; what the system asks for is not stored, so that the page follows it again. */
export function toggleTheme() {
  const theme = current() === 'dark' ? 'light' : 'dark';
  try {
    if (theme === (system.matches ? 'dark' : 'light')) localStorage.removeItem(CHOICE);
    else localStorage.setItem(CHOICE, theme);
  } catch {
    // Storage is switched off: the choice holds for this page.
  }
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event('stbir:theme'));
}

system.addEventListener('change', apply);
apply();

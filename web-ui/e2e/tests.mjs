/** What there is to test, in order. */
export const tests = [];
export const test = (name, run, more = {}) => tests.push({ name, run, ...more });
export const byRole = (page, role, name, more = {}) => page.getByRole(role, { name, ...more });
/** A page of the app by its name in the side bar; links in what the page shows may have that word as well. */
export const goesTo = (page, name) => byRole(byRole(page, 'navigation', 'Main'), 'link', name, { exact: true }).click();

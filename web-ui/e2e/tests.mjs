/** What there is to test, in order. */
export const tests = [];
export const test = (name, run, more = {}) => tests.push({ name, run, ...more });
export const byRole = (page, role, name, more = {}) => page.getByRole(role, { name, ...more });

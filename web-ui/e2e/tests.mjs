/** What there is to test, in order. */
export const tests = [];
export const test = (name, run) => tests.push({ name, run });
export const byRole = (page, role, name, more = {}) => page.getByRole(role, { name, ...more });

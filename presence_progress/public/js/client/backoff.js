/**
 * How long to wait before trying again: doubling, with a limit, never in step with other browsers.
 */

/**
 * @param {{ first?: number, limit?: number, random?: () => number }} [options] milliseconds
 */
export function createBackoff({ first = 500, limit = 10_000, random = Math.random } = {}) {
  let attempt = 0;

  return {
    /** Milliseconds until the next try: between half and all of the doubled wait. */
    next() {
      const wait = Math.min(limit, first * 2 ** attempt);
      attempt = Math.min(attempt + 1, 30);
      return wait / 2 + (wait / 2) * random();
    },
    reset() {
      attempt = 0;
    },
  };
}

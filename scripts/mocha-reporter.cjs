// Mocha's usual output, and the counts as JSON in the file that SURPRISAL_RESULTS names: scripts/test.mjs adds them up.
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

module.exports = class Reporter extends reporters.Spec {
  /**
   * @param {import('mocha').Runner} runner
   * @param {import('mocha').MochaOptions} options
   */
  constructor(runner, options) {
    super(runner, options);
    const file = process.env.SURPRISAL_RESULTS;
    if (!file) {
      return;
    }
    const save = (/** @type {boolean} */ complete) => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(
        file,
        `${JSON.stringify({ passed: passes, failed: failures, skipped: pending, complete })}\n`,
      );
    };
    // After every test, so that the counts are there even if the run is cut off.
    runner.on('test end', () => save(false));
    runner.once('end', () => save(true));
  }
};

// Stands in for native-watchdog (C++): ends this process once the process that it watches has gone.

/** @param {number} pid */
exports.start = (pid) => {
  setInterval(() => {
    try {
      process.kill(pid, 0);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH') {
        process.exit(87);
      }
    }
  }, 3000).unref();
};

/** @param {number} [code] */
exports.exit = (code) => process.exit(code ?? 0);

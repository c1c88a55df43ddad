// Runs the VS Code server as the leader of a process group and ends the whole group as soon as the process that
// asked for the server has gone, however it went: then the pipe on standard input closes.
const { spawn } = require('node:child_process');

const server = spawn(process.execPath, process.argv.slice(2), { stdio: ['ignore', 'inherit', 'inherit'] });
server.on('exit', (code) => process.exit(code ?? 1));

process.stdin.on('error', endGroup);
process.stdin.on('end', endGroup);
process.stdin.on('close', endGroup);
process.stdin.resume();

function endGroup() {
  server.kill('SIGKILL');
  if (process.platform !== 'win32') {
    process.kill(0, 'SIGKILL');
  }
  process.exit(1);
}

// Stands in for @vscode/deviceid, which would write an identifier of this machine into the user's home.
const { randomUUID } = require('node:crypto');

const id = randomUUID();

exports.getDeviceId = async () => id;

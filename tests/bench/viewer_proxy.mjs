// One server for a viewer: what begins with /dicomweb (without a folder: everything) goes on to the appliance with a
// log-in's cookie, the rest comes from the folder. Both viewers are measured through it.
// node viewer_proxy.mjs APPLIANCE_PORT COOKIE [FOLDER CONFIG]
import { createReadStream, existsSync, statSync } from 'node:fs';
import http from 'node:http';
import { extname, join, normalize } from 'node:path';

const [target, cookie, folder, config] = process.argv.slice(2);
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.json': 'application/json', '.svg': 'image/svg+xml' };
const agent = new http.Agent({ keepAlive: true, maxSockets: 32, noDelay: true });

function on(request, response) {
  const headers = { ...request.headers, cookie, host: `127.0.0.1:${target}` };
  const asked = http.request({ host: '127.0.0.1', port: target, path: request.url, method: request.method, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  asked.on('error', () => response.writeHead(502).end());
  request.pipe(asked);
}

function file(request, response) {
  const path = normalize(decodeURIComponent(request.url.split('?')[0]));
  if (path === '/app-config.js') return void response.writeHead(200, { 'Content-Type': 'text/javascript', 'Cache-Control': 'no-cache' }).end(config);
  const found = join(folder, path);
  const there = existsSync(found) && statSync(found).isFile() ? found : join(folder, 'index.html');
  const lasting = there === found && extname(there) !== '.html';
  response.writeHead(200, { 'Content-Type': TYPES[extname(there)] ?? 'application/octet-stream', 'Cache-Control': lasting ? 'max-age=31536000' : 'no-cache' });
  createReadStream(there).pipe(response);
}

const server = http.createServer((request, response) => (folder === undefined || request.url.startsWith('/dicomweb') ? on(request, response) : file(request, response)));
server.on('connection', (socket) => socket.setNoDelay(true));
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));

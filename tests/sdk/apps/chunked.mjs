// SPDX-License-Identifier: MIT
// Whether the SDK's fetch takes a good answer in chunks that comes in one piece on a connection that stays: "fine", or why
// not. Node 18 with node-fetch does not, whoever answers.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import http from "node:http";
import net from "node:net";

const require = createRequire(pathToFileURL(process.env.SDK_MODULES + "/"));
const fetch = require("node-fetch");
const answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
const server = net.createServer((socket) => socket.on("data", () => socket.write(answer)).on("error", () => {}));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const agent = new http.Agent({ keepAlive: true });
try {
  const got = await fetch(`http://127.0.0.1:${server.address().port}/`, { agent });
  console.log((await got.text()) === "hi" ? "fine" : "another body");
} catch (error) {
  console.log(process.version, error.message);
}
process.exit(0);

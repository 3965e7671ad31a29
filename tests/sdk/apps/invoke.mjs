// SPDX-License-Identifier: MIT
// Calls applications with the JavaScript SDK. node invoke.mjs http|grpc <sidecar port> <calls, as JSON>
// Each answer or refusal is a line of JSON.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.SDK_MODULES + "/"));
const { CommunicationProtocolEnum, DaprClient } = require("@dapr/dapr");
const [protocol, daprPort, calls] = process.argv.slice(2);
const communicationProtocol =
  protocol === "grpc" ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP;
const client = new DaprClient({ daprHost: "127.0.0.1", daprPort, communicationProtocol });

for (const { app, method, verb, body, bytes, headers } of JSON.parse(calls)) {
  const data = bytes ? Buffer.from(bytes) : body;
  try {
    console.log(JSON.stringify({ body: await client.invoker.invoke(app, method, verb, data, { headers }) }));
  } catch (error) {
    console.log(JSON.stringify({ refused: error.message }));
  }
}
await client.stop();
console.log("done");

// SPDX-License-Identifier: MIT
// Invocation calls of the JavaScript SDK. node invoke.mjs http|grpc <sidecar port> <id of an application over HTTP>
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.SDK_MODULES + "/"));
const { CommunicationProtocolEnum, DaprClient, HttpMethod } = require("@dapr/dapr");
const [protocol, daprPort, target] = process.argv.slice(2);
const communicationProtocol =
  protocol === "grpc" ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP;
const client = new DaprClient({ daprHost: "127.0.0.1", daprPort, communicationProtocol });

for (const method of [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.DELETE]) {
  const body = method === HttpMethod.GET ? undefined : { n: 1 };
  const said = await client.invoker.invoke(target, "json/a", method, body);
  console.log("said", said.method, said.target, said.body);
}
try {
  await client.invoker.invoke("nobody", "m", HttpMethod.GET);
} catch (error) {
  console.log("failed", error.message.includes("failed to invoke, id: nobody, err: "));
}
await client.stop();
console.log("done");

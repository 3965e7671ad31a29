// SPDX-License-Identifier: MIT
// An application of the JavaScript SDK with methods to invoke, one a verb.
// node invoked.mjs http|grpc <app port> <sidecar port>
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.SDK_MODULES + "/"));
const { CommunicationProtocolEnum, DaprServer, HttpMethod } = require("@dapr/dapr");
const [protocol, appPort, sidecarPort] = process.argv.slice(2);
const communicationProtocol =
  protocol === "grpc" ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP;

const server = new DaprServer({
  serverHost: "127.0.0.1",
  serverPort: appPort,
  communicationProtocol,
  clientOptions: { daprHost: "127.0.0.1", daprPort: sidecarPort, communicationProtocol },
});
for (const method of Object.values(HttpMethod)) {
  await server.invoker.listen(
    "echo",
    async ({ body, query, metadata }) => ({ verb: method, body, query, type: metadata.contentType }),
    { method },
  );
}
await server.start();
console.log("listening");

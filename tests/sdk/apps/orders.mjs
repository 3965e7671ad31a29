// SPDX-License-Identifier: MIT
// Publishes and receives with the JavaScript SDK over the protocol asked for.
// node orders.mjs http|grpc <app port> <sidecar port> <count>
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.SDK_MODULES + "/"));
const { CommunicationProtocolEnum, DaprServer } = require("@dapr/dapr");
const [protocol, appPort, sidecarPort, count] = process.argv.slice(2);
const communicationProtocol =
  protocol === "grpc" ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP;

const server = new DaprServer({
  serverHost: "127.0.0.1",
  serverPort: appPort,
  communicationProtocol,
  clientOptions: { daprHost: "127.0.0.1", daprPort: sidecarPort, communicationProtocol },
});
await server.pubsub.subscribe("pubsub", "orders", async (order) => {
  console.log("Received message:", JSON.stringify(order));
});
await server.start();
for (let id = 0; id < Number(count); id++) {
  await server.client.pubsub.publish("pubsub", "orders", { id });
  console.log("Published message:", id);
}
const failed = await server.client.pubsub.publishBulk("pubsub", "orders", [
  { id: 100 },
  { entryID: "own", event: { id: 101 }, contentType: "application/json" },
]);
console.log("Bulk failures:", failed.failedMessages.length);

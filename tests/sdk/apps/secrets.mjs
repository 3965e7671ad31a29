// SPDX-License-Identifier: MIT
// The client's calls for secrets over HTTP or gRPC; prints one line per finding.
import { createRequire } from "node:module";
const { DaprClient, CommunicationProtocolEnum } = createRequire(process.env.SDK_MODULES + "/")("@dapr/dapr");

const [protocol, port] = process.argv.slice(2);
const client = new DaprClient({
  daprHost: "127.0.0.1",
  daprPort: port,
  communicationProtocol: protocol === "grpc" ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP,
});
const sorted = (object) => JSON.stringify(Object.fromEntries(Object.entries(object).sort()));

console.log("one " + sorted(await client.secret.get("store", "db:password")));
console.log("all " + sorted(await client.secret.getBulk("store")));
for (const [store, key] of [["store", "nope"], ["store", "denied"], ["nowhere", "plain"]]) {
  try {
    await client.secret.get(store, key);
    console.log("let in");
  } catch (error) {
    console.log("refused " + error.message.replaceAll("\n", " "));
  }
}
await client.stop();
console.log("done");

// SPDX-License-Identifier: MIT
// Every state call of the JavaScript SDK. node state.mjs http|grpc <sidecar port> <store> [query]
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.SDK_MODULES + "/"));
const { CommunicationProtocolEnum, DaprClient, StateConcurrencyEnum } = require("@dapr/dapr");
const [protocol, daprPort, store, query] = process.argv.slice(2);
const communicationProtocol =
  protocol === "grpc" ? CommunicationProtocolEnum.GRPC : CommunicationProtocolEnum.HTTP;
const client = new DaprClient({ daprHost: "127.0.0.1", daprPort, communicationProtocol });
const say = (...words) => console.log(words.map((w) => (typeof w === "string" ? w : JSON.stringify(w))).join(" "));

say("saved", await client.state.save(store, [
  { key: "a", value: { n: [1, "x"] } },
  { key: "b", value: "text" },
  { key: "c", value: 3, metadata: { ttlInSeconds: "100" } },
]));
say("got", await client.state.get(store, "a"), await client.state.get(store, "b"), await client.state.get(store, "c"));
say("missing", await client.state.get(store, "missing"));
const rows = await client.state.getBulk(store, ["a", "b", "missing"]);
say("bulk", rows.map((row) => [row.key, row.data ?? null]).sort());
const etag = rows.find((row) => row.key === "b").etag;
const first = await client.state.save(store, [
  { key: "b", value: "new", etag, options: { concurrency: StateConcurrencyEnum.CONCURRENCY_FIRST_WRITE } },
]).catch((error) => ({ error }));
say("etag", !first.error, await client.state.get(store, "b"));
const stale = await client.state.delete(store, "b", { etag: "9999" }).catch((error) => ({ error }));
say("stale", /possible etag mismatch/.test(String(stale.error)));
await client.state.transaction(store, [
  { operation: "upsert", request: { key: "t", value: "1" } },
  { operation: "delete", request: { key: "c" } },
]);
say("transaction", await client.state.get(store, "t"), await client.state.get(store, "c"));
await client.state.delete(store, "a");
say("deleted", await client.state.get(store, "a"));
if (query) {
  for (let n = 0; n < 4; n++) await client.state.save(store, [{ key: `q${n}`, value: { n } }]);
  const found = await client.state.query(store, {
    filter: { GTE: { n: 1 } }, sort: [{ key: "n", order: "DESC" }], page: { limit: 2 },
  });
  say("query", found.results.map((row) => row.key), found.token);
}
say("done");
await client.stop();

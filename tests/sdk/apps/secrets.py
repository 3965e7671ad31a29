# SPDX-License-Identifier: MIT
"""The client's calls for secrets; prints one line per finding."""
from dapr.clients import DaprClient

with DaprClient() as client:
    print("one", client.get_secret("store", "db:password").secret, flush=True)
    print("metadata", client.get_secret("store", "plain", secret_metadata={"version_id": "1"}).secret, flush=True)
    print("all", sorted(client.get_bulk_secret("store").secrets.items()), flush=True)
    for store, key in (("store", "nope"), ("store", "denied"), ("nowhere", "plain")):
        try:
            client.get_secret(store, key)
        except Exception as error:
            print("refused", error.code().name, error.details(), flush=True)
    print("done", flush=True)

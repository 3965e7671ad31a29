# SPDX-License-Identifier: MIT
"""The examples of docs/state.md, in their order, as they stand there."""
import json
import pathlib
import re

from sidecar import ROOT, Sidecar

BLOCK = re.compile(r"```(yaml|http)\n(.*?)```", re.S)


def fits(expected, got, etags):
    """Equal, where ETAG is any ETag."""
    if expected == "ETAG":
        etags.append(got)
        return True
    if isinstance(expected, dict):
        return isinstance(got, dict) and expected.keys() == got.keys() and all(
            fits(expected[k], got[k], etags) for k in expected)
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(
            fits(e, g, etags) for e, g in zip(expected, got))
    return expected == got


def run(sidecar, text, etags):
    head, *lines = text.strip().split("\n")
    method, path = head.split(" ", 1)
    body = "\n".join(line for line in lines if not line.startswith("< ")).replace("ETAG", etags[-1] if etags else "")
    expected = next(line[2:] for line in lines if line.startswith("< "))
    status, got, headers = sidecar.request(method, path, body.encode())
    said = f"{text}\nwas answered {status} {got}"
    assert str(status) == expected[:3], said
    if status == 200:
        assert fits(json.loads(expected[4:]), json.loads(got), etags), said
    elif status >= 400:
        assert json.loads(got)["errorCode"] == expected[4:], said
    if headers.get("Etag"):
        etags.append(headers["Etag"])


def test_the_examples_of_the_guide(tmp_path):
    text = (pathlib.Path(ROOT) / "docs/state.md").read_text()
    resources, blocks, etags = tmp_path / "resources", BLOCK.findall(text), []
    resources.mkdir()
    for number, (kind, block) in enumerate(blocks):
        if kind == "yaml":
            (resources / f"{number}.yaml").write_text(block)
    (resources / "memory.yaml").write_text("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: memory}\n"
                                           "spec: {type: state.in-memory, version: v1}\n")
    (tmp_path / "secrets.json").write_text(json.dumps({"key-2026": "0f" * 32}))
    sidecar = Sidecar("shop", resources, cwd=tmp_path)
    requests = [block for kind, block in blocks if kind == "http"]
    assert len(requests) > 10
    for block in requests:
        run(sidecar, block, etags)
    assert sidecar.request("POST", "/v1.0/state/sealed", b'[{"key":"k","value":1}]')[0] == 204
    assert sidecar.get("/v1.0/state/sealed/k")[1] == b"1" and b"||key-2026" not in (tmp_path / "state.db").read_bytes()
    assert sidecar.stop() == 0

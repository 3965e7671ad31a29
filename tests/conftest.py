# SPDX-License-Identifier: MIT
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))


@pytest.fixture
def start():
    """`start(Kind, ...)` makes a server, an application or a sidecar that ends with the test, whatever
    becomes of it. A sidecar that still runs then must end well."""
    started = []

    def make(kind, *args, **kwargs):
        started.append(kind(*args, **kwargs))
        return started[-1]
    yield make
    wrong = []
    for one in reversed(started):
        if hasattr(one, "stop"):
            was_running = one.process.poll() is None
            if one.stop() != 0 and was_running:
                wrong.append("\n".join(one.log))
        else:
            (one.close if hasattr(one, "close") else one.kill)()
    assert not wrong, wrong[0]

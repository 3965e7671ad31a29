# SPDX-License-Identifier: MIT
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/support"))
from cli import Cli  # noqa: E402
from sidecar import component  # noqa: E402


@pytest.fixture
def user(tmp_path):
    one = Cli(tmp_path / "home")
    yield one
    one.close()


@pytest.fixture
def resources(tmp_path):
    (tmp_path / "resources").mkdir()
    return component(tmp_path / "resources")


@pytest.fixture(params=[False, True], ids=["pipe", "terminal"])
def terminal(request):
    return request.param

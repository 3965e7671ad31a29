# SPDX-License-Identifier: MIT
import pytest

from redis_server import Redis
from sidecar import component


@pytest.fixture(params=["pubsub.redis", "pubsub.sqlite"])
def resources(request, start, tmp_path):
    """Each durable broker in turn, which offers again soon what was not handled."""
    folder = tmp_path / "resources"
    folder.mkdir()
    if request.param == "pubsub.sqlite":
        return component(folder, kind=request.param, connectionString=str(tmp_path / "broker.db"), leaseDuration="2s",
                         redeliverInterval="500ms", pollInterval="100ms")
    redis = start(Redis, tmp_path)
    return component(folder, kind=request.param, redisHost=f"127.0.0.1:{redis.port}", processingTimeout="1s",
                     redeliverInterval="200")

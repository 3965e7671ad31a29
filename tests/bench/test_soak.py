# SPDX-License-Identifier: MIT
"""What the soak calls growth."""
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import rig  # noqa: E402
import soak  # noqa: E402

COUNT = 60
KINDS = ["resident_mb", "anonymous_mb", "descriptors", "latency_us"]


def series(**other):
    """Flat and noisy, as a sidecar that leaks nothing is seen; `other`: what is added to a kind at a sample."""
    chance = random.Random(7)
    return [{"resident_mb": 12 + chance.uniform(0, 1.5) + other.get("resident_mb", lambda n: 0)(n),
             "anonymous_mb": 5 + chance.uniform(0, 1.5) + other.get("anonymous_mb", lambda n: 0)(n),
             "descriptors": 50 + chance.randrange(4) + other.get("descriptors", lambda n: 0)(n),
             "latency_us": 300 * chance.uniform(0.5, 1.5) * other.get("latency_us", lambda n: 1)(n)}
            for n in range(COUNT)]


def grown(samples, judges_latency=True):
    return [sentence.split()[0] for sentence in soak.growth(samples, judges_latency)]


def test_flat_noisy_series_grow_not():
    assert grown(series()) == []


@pytest.mark.parametrize("kind, added", [
    ("resident_mb", lambda n: n * 0.15), ("anonymous_mb", lambda n: n * 0.15), ("descriptors", lambda n: n // 2),
    ("latency_us", lambda n: 1 if n < COUNT * 2 // 3 else 5)])
def test_a_series_that_grows_is_named_and_no_other(kind, added):
    assert grown(series(**{kind: added})) == [kind.split("_")[0] if kind == "latency_us" else kind]


@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_step_in_the_last_third_is_growth(kind):
    assert grown(series(**{kind: lambda n: 0 if n < 50 else 10})) == [kind]


@pytest.mark.parametrize("kind", KINDS[:3])
def test_growth_while_the_first_third_warms_up_is_none(kind):
    assert grown(series(**{kind: lambda n: min(n, COUNT // 3)})) == []


def test_one_slow_moment_is_no_growth_of_latency():
    assert grown(series(latency_us=lambda n: 100 if n == 55 else 1)) == []


def test_latency_counts_only_where_nothing_else_runs():
    assert grown(series(latency_us=lambda n: 1 + n), judges_latency=False) == []


def test_too_few_samples_say_nothing():
    with pytest.raises(rig.Failed, match="5 samples say nothing: give it more seconds"):
        soak.growth(series()[:5], True)

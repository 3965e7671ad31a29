# SPDX-License-Identifier: MIT
"""The Configuration files of --config."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from sidecar import Sidecar  # noqa: E402


def config(folder, text, name="config.yaml"):
    path = folder / name
    path.write_text(text)
    return path


def failed_start(flags):
    """The log of a sidecar that ends by itself with exit code 1."""
    sidecar = Sidecar("orders", flags=flags, wait=False)
    assert sidecar.end() == 1
    return "\n".join(sidecar.log)


def test_a_wrong_configuration_ends_the_start_with_the_place(tmp_path):
    wrong = config(tmp_path, "kind: Configuration\nspec:\n  metric:\n    enabled: perhaps\n")
    log = failed_start(["--config", str(wrong)])
    assert "Fatal error from runtime: error loading configuration: " in log
    assert f"{wrong}:4:14: spec.metric.enabled is 'perhaps', not true or false" in log
    missing = tmp_path / "none.yaml"
    assert f"error loading configuration: stat {missing}: no such file or directory" in failed_start(
        [f"--config={missing}"])


def test_a_key_without_effect_is_warned_about(tmp_path):
    one = config(tmp_path, "spec:\n  workflow: {maxConcurrentWorkflowInvocations: 1}\n")
    two = config(tmp_path, "spec:\n  Metric: {}\n", "two.yaml")
    sidecar = Sidecar("orders", flags=["--config", str(one), "--config", str(two)])
    assert sidecar.stop() == 0
    log = "\n".join(sidecar.log)
    assert "spec.workflow is not implemented yet and has no effect" in log
    assert "spec.Metric is not a known key and has no effect; write 'metric'" in log

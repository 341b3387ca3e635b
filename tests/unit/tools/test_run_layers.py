# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test` makes of a layer's output."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "tools" / "run_layers.py"
spec = importlib.util.spec_from_file_location("run_layers", PATH)
assert spec is not None and spec.loader is not None
run_layers = importlib.util.module_from_spec(spec)
sys.modules["run_layers"] = run_layers
spec.loader.exec_module(run_layers)


@pytest.mark.parametrize(
    ("code", "output", "state", "counts"),
    [
        (0, "===== 54 passed in 0.25s =====\n", "passed", (54, 0, 0)),
        (0, "\x1b[32m==== \x1b[1m3 passed\x1b[0m, 1 skipped in 61.20s (0:01:01) ====\x1b[0m\n", "passed", (3, 0, 1)),
        (0, "== 2 passed in 1.0s ==\nconverge\n== 3 passed in 1.0s ==\n", "passed", (5, 0, 0)),
        (1, "==== 1 failed, 2 passed, 1 error in 3.00s ====\n", "failed", (2, 2, 0)),
        (2, "== 2 passed in 1.0s ==\nTASK failed\n", "failed", (2, 1, 0)),
        (0, "ok build\n", "passed", (1, 0, 0)),
        (1, "FAILED build\n", "failed", (0, 1, 0)),
        (0, "skipped: there is no test yet\n", "skipped", (0, 0, 0)),
        (1, "skipped: there is no test yet\n", "failed", (0, 1, 0)),
    ],
)
def test_judge(code: int, output: str, state: str, counts: tuple[int, int, int]) -> None:
    result = run_layers.judge("unit", code, output, 1.0)
    assert (result.state, (result.passed, result.failed, result.skipped)) == (state, counts)


def test_reasons_are_the_lines_that_are_marked() -> None:
    output = "TASK [a]\n\x1b[31mfatal: [cpu1]: FAILED! => {}\x1b[0m\nPLAY RECAP\nmake: *** [Makefile:64] Error 2\n"
    result = run_layers.judge("molecule", 2, output, 1.0)
    assert result.reasons == ["fatal: [cpu1]: FAILED! => {}", "make: *** [Makefile:64] Error 2"]
    assert run_layers.judge("molecule", 0, output, 1.0).reasons == []
    # a scenario that ran beside the one that failed has waited for something, as it should
    waited = "FAILED - RETRYING: [aio1]: Wait for the API (60 retries left).\n" * 20
    assert run_layers.judge("molecule", 2, output + waited, 1.0).reasons == result.reasons


def test_reasons_are_the_last_lines_where_none_is_marked_and_are_cut() -> None:
    assert run_layers.reasons("\n".join(f"line {number}" for number in range(100))) == [
        f"line {number}" for number in range(88, 100)
    ]
    assert run_layers.reasons("E   " + "x" * 1000) == ["E   " + "x" * 596 + " …"]


def test_quick_layers_side_by_side_then_the_slow_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # lint and unit wait for each other: one after the other they would never end
    (tmp_path / "Makefile").write_text(
        "lint:\n\t@touch lint.there; until [ -e unit.there ]; do sleep 0.05; done; echo said by lint\n"
        "unit:\n\t@touch unit.there; until [ -e lint.there ]; do sleep 0.05; done; echo said by unit; exit $(CODE)\n"
        "integration:\n\t@echo said by integration\n"
        ".PHONY: lint unit integration\n"
    )
    monkeypatch.setattr(run_layers, "ROOT", tmp_path)
    monkeypatch.setenv("CODE", "0")
    assert run_layers.main(["lint", "unit", "integration"]) == 0
    said = capfd.readouterr().out
    assert "\n=== lint\nsaid by lint\n" in said and "\n=== unit\nsaid by unit\n" in said
    assert said.index("said by unit") < said.index("=== integration\nsaid by integration")

    monkeypatch.setenv("CODE", "1")
    assert run_layers.main(["lint", "unit", "integration"]) == 1
    said = capfd.readouterr().out
    assert "said by lint" in said and "said by integration" not in said and "integration  not run" in said

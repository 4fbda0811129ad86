"""Tunes the functions of a TVM module on this processor, and keeps what was measured.

Without tuning TVM runs loops as they are written, hundreds of times slower: that is no figure of
TVM. Each function is compiled and measured in `TRIALS` ways that its MetaSchedule proposes.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from tf_pconv import progress
from tf_pconv.benchmark.contestants.contestant import EngineError
from tf_pconv.benchmark.contestants.outside import WORKER

TRIALS = 64
"""Of each function."""


def tune(module: Any, target: dict[str, Any], folder: pathlib.Path) -> Any:
    """Makes the trials of functions that have not had theirs.

    Args:
        module: A module of Relax whose operators are functions.
        target: What to compile for.
        folder: Where measurements are kept, also those of other modules. Those that were made
            before an interruption count.

    Returns:
        The measurements, a database of MetaSchedule.

    Raises:
        EngineError: MetaSchedule fails.
    """
    import tvm
    from tvm.s_tir import meta_schedule

    def open_database() -> Any:
        return meta_schedule.Database.create("json", work_dir=str(folder))

    folder.mkdir(parents=True, exist_ok=True)
    database = open_database()
    tasks = []
    for task in meta_schedule.relax_integration.extract_tasks(module, tvm.target.Target(target)):
        (function,) = task.dispatched
        trials = TRIALS - _measured(database, function)
        if trials > 0:
            tasks.append({"module": tvm.ir.save_json(function), "trials": trials})
    if not tasks:
        return database
    _make_trials({"target": target, "folder": str(folder), "tasks": tasks})
    return open_database()


def _measured(database: Any, function: Any) -> int:
    """Returns how many trials were made of a function."""
    if not database.has_workload(function):
        return 0
    workload = database.commit_workload(function)
    records = database.get_all_tuning_records()
    return sum(record.workload.same_as(workload) for record in records)


def _make_trials(asked: dict[str, Any]) -> None:
    trials = sum(task["trials"] for task in asked["tasks"])
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            [sys.executable, "-I", WORKER / "tvm_tuner.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
        progress.bar(f"TVM makes {trials} trials", trials) as advance,
    ):
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            # Who has ended without reading tells why below.
            with contextlib.suppress(BrokenPipeError), process.stdin:
                json.dump(asked, process.stdin)
            for line in process.stdout:
                advance(int(line))
        except BaseException:
            process.kill()
            raise
        if process.wait():
            said.seek(0)
            last = said.read().strip().splitlines()[-1:] or ["nothing"]
            raise EngineError(f"TVM's tuning ended with {process.returncode}; it said: {last[0]}")

"""Tunes functions with TVM's MetaSchedule; prints how many trials were made, a line each time.

The standard input is JSON: the `target`, the `folder` of the database, and `tasks`, each with a
`module` and the number of its `trials`. A process of its own does this: importing MetaSchedule
walks through all modules that are loaded, again and again, which takes minutes beside TensorFlow.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any

import tvm
from tvm.ir.utils import derived_object
from tvm.s_tir import meta_schedule

_TRIALS_AT_A_TIME = 32


@derived_object
class _Reporter(meta_schedule.measure_callback.PyMeasureCallback):
    def apply(  # type: ignore[no-untyped-def]
        self, task_scheduler, task_id, measure_candidates, builder_results, runner_results
    ):
        print(len(measure_candidates), flush=True)


def tune(module: Any, target: Any, trials: int, database: Any) -> None:
    """Makes trials of one function."""
    context = meta_schedule.TuneContext(
        module,
        target=target,
        space_generator="post-order-apply",
        search_strategy="evolutionary",
        rand_state=trials,  # after an interruption it must not propose the same again
        num_threads=os.cpu_count() or 1,
    )
    meta_schedule.tune.tune_tasks(
        tasks=[context],
        task_weights=[1.0],
        work_dir="",
        max_trials_global=trials,
        num_trials_per_iter=_TRIALS_AT_A_TIME,
        database=database,
        measure_callbacks=[*meta_schedule.MeasureCallback.create("default"), _Reporter()],
    )


def main() -> None:
    """Tunes what the standard input says."""
    logging.disable(logging.CRITICAL)  # tables, and errors of single trials
    asked = json.load(sys.stdin)
    database = meta_schedule.Database.create("json", work_dir=asked["folder"])
    target = tvm.target.Target(asked["target"])
    for task in asked["tasks"]:
        tune(tvm.ir.load_json(task["module"]), target, task["trials"], database)


if __name__ == "__main__":
    main()

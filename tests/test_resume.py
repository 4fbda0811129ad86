"""A checkpoint from the middle of the schedule goes on, in a new process, as if uninterrupted."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
from resume_training import CONFIGS

SCRIPT = pathlib.Path(__file__).with_name("resume_training.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("resume")
    for mode in ("whole", "resumed"):
        subprocess.run([sys.executable, SCRIPT, mode, path], check=True, cwd=SCRIPT.parents[1])
    return path


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("order", ["before", "after"])
def test_resumed_run_equals_the_uninterrupted_one(name, order, folder):
    whole = np.load(folder / f"{name}-{order}-whole.npz")
    resumed = np.load(folder / f"{name}-{order}-resumed.npz")
    masks = [path for path in whole if path.endswith("/mask")]
    assert len(masks) == 3
    assert all(0 < whole[path].mean() < 1 for path in masks)
    assert sorted(whole) == sorted(resumed)
    for path in whole:
        np.testing.assert_array_equal(whole[path], resumed[path], err_msg=path)


@pytest.mark.parametrize("name", CONFIGS)
def test_order_of_callbacks_does_not_matter(name, folder):
    before, after = (np.load(folder / f"{name}-{order}-whole.npz") for order in ("before", "after"))
    for path in before:
        np.testing.assert_array_equal(before[path], after[path], err_msg=path)

"""The same training on the JAX backend, in a process of its own."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = pathlib.Path(__file__).with_name("jax_training.py")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, SCRIPT, tmp_path_factory.mktemp("jax")]
    run = subprocess.run(
        command, env=environment, cwd=SCRIPT.parents[1], check=True, stdout=subprocess.PIPE
    )
    return json.loads(run.stdout.splitlines()[-1])


def test_masks_advance_within_an_epoch(report):
    assert report["backend"] == "jax"
    assert report["steps"] == list(range(1, 17))
    kept = report["kept"]
    assert kept == sorted(kept, reverse=True)
    assert len(set(kept[:8])) == 4
    assert kept[-1] == pytest.approx(1 / 4.5)


def test_units_of_dense_layers_keep_as_many_inputs_each(report):
    assert report["inputs_kept"] == [2] * 4


def test_fit_without_the_callback_is_an_error(report):
    assert "is trained without updates of its masks" in report["without"]
    assert "is trained without updates of its masks" in report["second"]
    assert "is trained without updates of its masks" in report["untold"]


def test_model_is_whole_after_a_refused_fit(report):
    assert report["given_back"]


def test_pruned_weights_do_not_train(report):
    assert report["zeros_trained"] == 0


def test_stripped_model_computes_the_same(report):
    assert report["same_output"]


def test_checkpoint_resumes_exactly(report):
    assert report["resumed"] == 0

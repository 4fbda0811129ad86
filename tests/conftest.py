"""Every test starts from one seed, shown in the header and with each failure."""

import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest

from tf_pconv import runtime

SEED = int(os.environ.get("TF_PCONV_TEST_SEED", "20200207"))


# Shells ignore it in what they run in the background, and tests interrupt what they test.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header():
    return f"TF_PCONV_TEST_SEED={SEED}, keras backend {keras.backend.backend()}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.sections.append(("seed", f"TF_PCONV_TEST_SEED={SEED}"))


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(SEED)
    yield
    keras.utils.clear_session(free_memory=False)


@pytest.fixture
def rng():
    return np.random.default_rng(SEED)


@pytest.fixture
def delegate():
    """The path of the library; tests that ask for it need one."""
    try:
        return runtime.delegate_path()
    except FileNotFoundError as error:
        pytest.skip(str(error))

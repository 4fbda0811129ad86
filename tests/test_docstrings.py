"""The examples in the docstrings of modules that need neither data nor a delegate."""

import doctest
import importlib

import pytest

MODULES = [
    "config",
    "grouping",
    "patterns",
    "planning",
    "projection",
    "report",
    "schedules",
    "wrappers",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
    results = doctest.testmod(importlib.import_module(f"tf_pconv.{name}"))
    assert results.attempted > 0
    assert results.failed == 0

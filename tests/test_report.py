"""The table of a plan, and pictures of pattern libraries."""

import collections
import dataclasses

import numpy as np
import pytest
from matplotlib.image import imread

from tf_pconv.patterns import get_library
from tf_pconv.report import WIDTH, plot_patterns, render_plan


@dataclasses.dataclass
class Row:
    name: str
    kind: str
    shape: tuple[int, ...]
    action: str
    weights: int
    kept: int
    pruned: bool = True
    accelerated: bool = True
    reason: str = ""


ROWS = [
    Row(
        "stem",
        "Conv2D",
        (3, 3, 3, 64),
        "left dense",
        1728,
        1728,
        False,
        False,
        "first [layer]; a rule prunes it",
    ),
    Row(
        "stage1/conv1",
        "Conv2D",
        (3, 3, 256, 256),
        "scp8 + 72 of 256 kernels, groups of 4",
        589824,
        73728,
    ),
    Row(
        "a_layer_with_a_name_that_has_no_place_to_break_it",
        "DepthwiseConv2D",
        (3, 3, 64, 1),
        "scp8",
        576,
        256,
        accelerated=False,
        reason="depthwise",
    ),
]

TABLE = """\
Plan of 'net'

layer                  kernel             what is done              weights     kept   accelerated
────────────────────────────────────────────────────────────────────────────────────────────────────
stem                   3x3x3x64           left dense: first           1,728    1,728
                                          [layer]
stage1/conv1           3x3x256x256        scp8 + 72 of 256          589,824   73,728   yes
                                          kernels, groups of 4
a_layer_with_a_name_   DepthwiseConv2D    scp8                          576      256   no, depthwise
that_has_no_place_to   3x3x64x1
_break_it

2 of 3 layers pruned, 7.98x fewer weights in them; the delegate accelerates 1.
First [layer]: a rule prunes it."""


def test_the_table_of_a_plan():
    assert render_plan(ROWS, "Plan of 'net'", width=100) == TABLE


@pytest.mark.parametrize("width", [70, 100, 140])
def test_no_line_is_longer_than_the_width_and_nothing_is_lost(width):
    lines = render_plan(ROWS, width=width).splitlines()
    assert max(map(len, lines)) <= width
    cells = [f"{row.name}{row.action}{row.kept:,}{row.reason}" for row in ROWS]
    shown, wanted = (
        collections.Counter("".join(text).lower().replace(" ", "").replace(";", ""))
        for text in (lines, cells)
    )
    assert not wanted - shown


def test_a_plan_that_prunes_nothing_has_no_compression():
    summary = "0 of 1 layers pruned; the delegate accelerates 0."
    assert summary in render_plan(ROWS[:1]).splitlines()


@pytest.mark.parametrize(("terminal", "width"), [("60", 60), ("200", WIDTH)])
def test_the_table_fits_the_terminal_and_has_no_colours(monkeypatch, terminal, width):
    monkeypatch.setenv("COLUMNS", terminal)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert render_plan(ROWS) == render_plan(ROWS, width=width)


@pytest.mark.parametrize("identifier", ["pconv4", "scp8", get_library("scp8").to_array()[:1]])
def test_the_picture_shows_every_pattern_and_their_sum(identifier):
    library = get_library(identifier)
    figure = plot_patterns(library)
    drawn = [axes for axes in figure.axes if axes.patches]
    assert [axes.texts[0].get_text() for axes in drawn] == [*map(str, range(len(library))), "sum"]
    for axes, mask in zip(drawn, library.to_array(), strict=False):
        colours = [patch.get_facecolor() for patch in axes.patches]
        kept = colours[4]
        assert [colour == kept for colour in colours] == mask.ravel().astype(bool).tolist()
    counts = [int(text.get_text()) for text in drawn[-1].texts[1:]]
    assert counts == library.to_array().sum(axis=0).ravel().tolist()


def test_the_picture_is_written(tmp_path):
    path = tmp_path / "scp8.png"
    plot_patterns("scp8", path)
    image = imread(path)
    assert min(image.shape[:2]) > 100
    assert np.ptp(image) > 0.5

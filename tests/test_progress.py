"""What goes on is shown on a terminal, and nowhere else."""

import io

from rich.console import Console

from tf_pconv import progress


def test_bar_lies_within_a_step(monkeypatch):
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=80)
    monkeypatch.setattr(progress, "_console", lambda: console)
    with progress.step("bench"), progress.bar("trials", 4) as advance:
        advance(3)
    assert "75%" in drawn.getvalue()


def test_bar_is_for_terminals_only(capsys):
    with progress.bar("trials", 4) as advance:
        advance(4)
    assert capsys.readouterr() == ("", "")

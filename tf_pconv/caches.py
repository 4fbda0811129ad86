"""Where results are kept that took long to get."""

from __future__ import annotations

import os
import pathlib


def cache_folder() -> pathlib.Path:
    """Returns `tf_pconv` in the folder of caches: `$XDG_CACHE_HOME`, or `~/.cache`."""
    folder = os.environ.get("XDG_CACHE_HOME", "")
    # The specification ignores paths that are not absolute.
    caches = pathlib.Path(folder) if os.path.isabs(folder) else pathlib.Path.home() / ".cache"
    return caches / "tf_pconv"

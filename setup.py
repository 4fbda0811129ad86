"""Builds the delegate library into the wheel; everything else is in pyproject.toml."""

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
LIBRARY = ROOT / "tf_pconv" / "_native" / "libtf_pconv_delegate.so"


def delegate_can_be_built() -> bool:
    """Says whether this machine and this source tree can build the library."""
    return (
        sys.platform == "linux"
        and shutil.which("bazel") is not None
        and (ROOT / "WORKSPACE").exists()
    )


class BuildPackage(build_py):
    """Brings the library up to date before the package is copied into a wheel."""

    def run(self) -> None:
        """Builds, except for an editable install, which `make delegate` serves."""
        if not self.editable_mode:
            if delegate_can_be_built():
                subprocess.run([str(ROOT / "scripts" / "build_delegate.sh")], check=True)
            elif not LIBRARY.exists():
                warnings.warn(
                    "The wheel will hold no delegate library: building it needs Linux, Bazel and "
                    "the whole source tree. Training and conversion work without it.",
                    stacklevel=2,
                )
            # build_py looked for package data before the library existed.
            self.__dict__.pop("data_files", None)
        super().run()


class PlatformWheel(bdist_wheel):
    """Names the platform of a wheel that holds the library, which suits any Python 3."""

    def get_tag(self) -> tuple[str, str, str]:
        """Returns the compatibility tag of the wheel."""
        python, abi, platform = super().get_tag()
        return ("py3", "none", platform) if LIBRARY.exists() else (python, abi, platform)


class PlatformDistribution(Distribution):
    """A distribution that is bound to its platform exactly if it holds the library."""

    def has_ext_modules(self) -> bool:
        """Says whether the wheel is bound to the platform."""
        return LIBRARY.exists() or delegate_can_be_built()


setup(
    cmdclass={"build_py": BuildPackage, "bdist_wheel": PlatformWheel},
    distclass=PlatformDistribution,
)

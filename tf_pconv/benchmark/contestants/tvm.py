"""TVM, with functions that `tvm_model` writes and `tvm_tuning` tunes."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_pconv.benchmark.contestants import tvm_tuning
from tf_pconv.benchmark.contestants.contestant import Contestant
from tf_pconv.benchmark.contestants.graph import read_graph
from tf_pconv.benchmark.contestants.tvm_model import RelaxWriter
from tf_pconv.caches import cache_folder

if TYPE_CHECKING:
    import numpy.typing as npt

_BIG_CORES_FIRST = 1


class Tvm(Contestant):
    """A compiled and tuned module in TVM's virtual machine; float32 models only."""

    numbers = "fp32"

    def __init__(self, model: bytes, threads: int) -> None:
        # Read when TVM starts threads, here and in the processes that measure trials. Left to
        # itself it takes all processors, and moves away from those that this one is pinned to.
        os.environ |= {"TVM_NUM_THREADS": str(threads), "TVM_BIND_THREADS": "0"}
        import tvm
        from tvm import relax

        tvm.get_global_func("runtime.config_threadpool")(_BIG_CORES_FIRST, threads)
        self.version = f"{tvm.__version__} ({tvm_tuning.TRIALS} trials)"
        self._tensor = tvm.runtime.tensor
        self._machine = relax.VirtualMachine(_compile(model, threads), tvm.cpu())

    def set_inputs(self, inputs: Sequence[npt.NDArray[Any]]) -> None:
        """See `Contestant`."""
        self._machine.set_input("main", *map(self._tensor, inputs))

    def invoke(self) -> None:
        """See `Contestant`."""
        self._machine.invoke_stateful("main")

    def outputs(self) -> list[npt.NDArray[Any]]:
        """See `Contestant`."""
        return [np.array(output.numpy()) for output in self._machine.get_outputs("main")]


@functools.lru_cache(maxsize=1)  # a comparison loads the same model several times
def _compile(model: bytes, threads: int) -> Any:
    """Returns what a virtual machine executes, for this processor."""
    import tvm
    from tvm.relax import transform

    processor = tvm.target.codegen.llvm_get_system_cpu()
    target = {"kind": "llvm", "mcpu": processor, "num-cores": threads}
    folder = cache_folder() / "tvm" / f"{tvm.__version__}-{processor}-{threads}"

    operators = RelaxWriter(read_graph(model)).module
    with tvm.target.Target(target):
        to_functions = (
            transform.LegalizeOps(),
            transform.AnnotateTIROpPattern(),
            transform.FoldConstant(),
            transform.FuseOps(),
            transform.FuseTIR(),
            transform.AttachAttrLayoutFreeBuffers(),  # the layout of weights is tuned as well
        )
        functions = tvm.transform.Sequential(to_functions)(operators)
        with tvm_tuning.tune(functions, target, folder):
            to_tuned = (
                transform.MetaScheduleApplyDatabase(),
                transform.SplitLayoutRewritePreproc(),
                transform.FoldConstant(),
            )
            tuned = tvm.transform.Sequential(to_tuned)(functions)
        return tvm.compile(tuned, tvm.target.Target.current())

"""What a comparison measured."""

from __future__ import annotations

import dataclasses

from tf_pconv.benchmark.contestants import ENGINES
from tf_pconv.benchmark.footprint import Footprint
from tf_pconv.benchmark.layer_case import LayerCase
from tf_pconv.benchmark.network_case import NetworkCase
from tf_pconv.benchmark.operations import Operations
from tf_pconv.benchmark.peaks import Peaks
from tf_pconv.benchmark.profile import Profile


@dataclasses.dataclass(frozen=True)
class Rival:
    """What one engine reached with the same weights.

    Attributes:
        engine: Its name.
        version: Of its package.
        numbers: Type that it computes in, such as `int8`, `fp32` or `bf16`.
        ms: Median milliseconds of one run.
        speedup: Median of the ratios engine / delegate of neighbouring turns, over all loads.
        speedup_low: Lower end of the 95 % bootstrap interval of `speedup`, which covers what
            changes from load to load.
        speedup_high: Its upper end.
        exact: Whether its int8 arithmetic gives what TensorFlow Lite's reference kernels give, up
            to rounding (see `exactness`); None: it computes in floating point.
        largest_difference: Of its outputs from XNNPACK's, in units of quantisation for integers
            and as a share of the largest output otherwise; None: it runs a file of another type.
    """

    engine: str
    version: str
    numbers: str
    ms: float
    speedup: float
    speedup_low: float
    speedup_high: float
    exact: bool | None
    largest_difference: float | None


@dataclasses.dataclass(frozen=True)
class Absentee:
    """An engine that was asked for and did not run.

    Attributes:
        engine: Its name.
        reason: Why.
    """

    engine: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What one benchmark measured; times are milliseconds of one run.

    Attributes:
        name: What was measured.
        dtype: Type of the model's activations: `int8` or `float32`.
        delegate_ms: Median with the delegate.
        rivals: What others reached with the same weights, dense.
        absentees: Engines that were asked for and did not run.
        loads: How many times all contestants were loaded.
        rounds: Number of turns of each contestant, over all loads.
        delegated: Nodes that the delegate runs.
        nodes: Nodes of the model.
        kernels: Names of the kernels that run them.
        threads: Threads of each contestant.
        delegate_bytes: Size of the file that runs in the delegate.
        dense_bytes: Size of the dense file of the same type.
        largest_difference: Of the delegate's outputs from XNNPACK's, as in `Rival`.
        equal_share: Share of outputs that equal XNNPACK's.
        operations: Multiply-adds of one run.
        peaks: What one thread of the processor does at best.
        case: The layer or network, unless it came from a file.
        delegate_footprint: Load time and memory with the delegate, where they were measured.
        dense_footprint: The same of the dense file of the same type in XNNPACK.
        profile: Where the delegate's time goes, where that was measured.
    """

    name: str
    dtype: str
    delegate_ms: float
    rivals: tuple[Rival, ...]
    absentees: tuple[Absentee, ...]
    loads: int
    rounds: int
    delegated: int
    nodes: int
    kernels: tuple[str, ...]
    threads: int
    delegate_bytes: int
    dense_bytes: int
    largest_difference: float
    equal_share: float
    operations: Operations
    peaks: Peaks
    case: LayerCase | NetworkCase | None = None
    delegate_footprint: Footprint | None = None
    dense_footprint: Footprint | None = None
    profile: Profile | None = None

    @property
    def dense_rate(self) -> float:
        """Dense-equivalent multiply-adds a second with the delegate."""
        return 1e3 * self.operations.dense / self.delegate_ms

    @property
    def executed_rate(self) -> float:
        """Multiply-adds a second that the delegate's file really executes."""
        return 1e3 * self.operations.executed / self.delegate_ms

    @property
    def share_of_peak(self) -> float | None:
        """`executed_rate` over the peak of as many threads with the fastest of the kernels."""
        peak = max(self.peaks.multiply_adds.values(), default=0.0)
        return self.executed_rate / (self.threads * peak) if peak else None

    def against(self, engine: str) -> Rival:
        """Returns what an engine reached.

        Raises:
            KeyError: It did not run.
        """
        for rival in self.rivals:
            if rival.engine == engine:
                return rival
        raise KeyError(engine)

    def fastest(self, numbers: str) -> Rival | None:
        """Returns the fastest dense rival that computes in this type, if any."""
        rivals = [
            rival
            for rival in self.rivals
            if rival.numbers == numbers and ENGINES[rival.engine].dense
        ]
        return min(rivals, key=lambda rival: rival.ms, default=None)

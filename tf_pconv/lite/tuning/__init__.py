"""Tuning: measures how each convolution of a model runs fastest on this processor."""

from tf_pconv.lite.tuning.report import LayerTuning, TuningReport
from tf_pconv.lite.tuning.tuner import tune
from tf_pconv.lite.tuning.tuning_file import Choices, TunedLayer, tuning_path

__all__ = ["Choices", "LayerTuning", "TunedLayer", "TuningReport", "tune", "tuning_path"]

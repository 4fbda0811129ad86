"""Pruning methods, one file each, behind one interface; `get_method` finds them by name."""

from tf_pconv.methods.base import Method, apply_mask
from tf_pconv.methods.magnitude import Magnitude
from tf_pconv.methods.registry import get_method
from tf_pconv.methods.target import PruningTarget

__all__ = ["Magnitude", "Method", "PruningTarget", "apply_mask", "get_method"]

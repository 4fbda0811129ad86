"""Configurations and rules: what they accept, refuse, and become when saved."""

import json
import re

import keras
import numpy as np
import pytest

from tf_pconv import LayerRule, PatternConfig, PatternLibrary, natural_patterns
from tf_pconv.methods import Magnitude
from tf_pconv.schedules import ConstantSparsity, PolynomialDecay

OWN_LIBRARY = PatternLibrary("own", (0b000_011_011, 0b110_110_000))


def test_names_become_objects():
    config = PatternConfig(library="pconv4", method="magnitude")
    assert (config.library.name, len(config.library)) == ("pconv4", 4)
    assert config.method == Magnitude()


def test_defaults_are_those_of_the_documentation():
    config = PatternConfig()
    assert config.library.name == "scp8"
    assert (config.compression, config.group_size, config.schedule) == (8.0, 4, None)
    assert (config.balance, config.gradient, config.rules) == ("filter", "masked", ())


@pytest.mark.parametrize(
    "config",
    [
        PatternConfig(),
        PatternConfig(library=OWN_LIBRARY, compression=3, group_size=16, balance="layer"),
        PatternConfig(schedule=PolynomialDecay(5, 50, frequency=3), gradient="straight_through"),
        PatternConfig(
            rules=[
                LayerRule("stem", skip=False),
                LayerRule(re.compile("^stage[34]/", re.IGNORECASE), compression=12.0),
                LayerRule(keras.layers.DepthwiseConv2D, skip=True),
                LayerRule("last", schedule=ConstantSparsity(0, 0), library="pconv4"),
            ]
        ),
    ],
    ids=["defaults", "own library", "schedule", "rules"],
)
def test_configuration_survives_serialisation(config):
    serialised = keras.saving.serialize_keras_object(config)
    restored = keras.saving.deserialize_keras_object(serialised)
    assert restored == config
    assert keras.saving.serialize_keras_object(restored) == serialised


def test_mined_patterns_can_be_configured(rng):
    library = natural_patterns([rng.normal(size=(3, 3, 4, 8))], count=3)
    assert len(PatternConfig(library=library).library) == 3


def test_configurations_differ_by_any_field():
    assert PatternConfig(group_size=2) != PatternConfig(group_size=4)
    assert PatternConfig(schedule=ConstantSparsity(0, 0)) != PatternConfig()
    assert PatternConfig(rules=LayerRule("a", skip=True)) != PatternConfig()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"library": "scp9"}, "Unknown pattern library 'scp9'"),
        ({"compression": 0.5}, "a number from 1 to 1e+09; received 0.5"),
        ({"compression": float("nan")}, "received nan"),
        ({"compression": "8"}, "received '8'"),
        ({"group_size": 3}, "group_size is one of 1, 2, 4, 8, 16; received 3"),
        ({"group_size": True}, "group_size is one of 1, 2, 4, 8, 16; received True"),
        ({"balance": "model"}, "balance is one of 'filter', 'layer'; received 'model'"),
        ({"gradient": "dense"}, "gradient is one of 'masked', 'straight_through'"),
        ({"method": "magic"}, "Unknown pruning method 'magic'. Known names: magnitude"),
    ],
)
def test_bad_values_are_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        PatternConfig(**arguments)
    with pytest.raises(ValueError, match=re.escape(message)):
        LayerRule("layer", **arguments)


@pytest.mark.parametrize(
    "arguments", [{"schedule": 5}, {"method": 5}, {"rules": ["stem"]}, {"rules": 5}], ids=str
)
def test_wrong_types_are_refused(arguments):
    with pytest.raises(TypeError, match=r"received .*5|received 'stem'|of 5"):
        PatternConfig(**arguments)


def test_numbers_of_numpy_are_taken():
    config = PatternConfig(compression=np.float32(4.5), group_size=np.int64(8))
    assert config == PatternConfig(compression=4.5, group_size=8)
    assert json.dumps(config.get_config())


def test_huge_compression_is_refused():
    with pytest.raises(ValueError, match="a number from 1 to 1e"):
        PatternConfig(compression=10**400)


def test_skip_is_a_choice_of_three():
    with pytest.raises(TypeError, match="skip is True, False or None; received 'yes'"):
        LayerRule("stem", skip="yes")


def test_rule_needs_something_to_match_and_to_change():
    with pytest.raises(TypeError, match="name, compiled regular expression or Keras layer class"):
        LayerRule(3, skip=True)
    with pytest.raises(ValueError, match="changes nothing"):
        LayerRule("stem")


def test_rules_match_by_name_path_expression_and_class():
    layer = keras.layers.Conv2D(4, 3, name="conv")
    path = "block/conv"
    assert LayerRule("conv", skip=True).matches(path, layer)
    assert LayerRule("block/conv", skip=True).matches(path, layer)
    assert not LayerRule("block", skip=True).matches(path, layer)
    assert LayerRule(re.compile("^block/"), skip=True).matches(path, layer)
    assert not LayerRule(re.compile("^conv"), skip=True).matches(path, layer)
    assert LayerRule(keras.layers.Conv2D, skip=True).matches(path, layer)
    assert not LayerRule(keras.layers.Dense, skip=True).matches(path, layer)


def test_later_rules_win_field_by_field():
    config = PatternConfig(
        rules=[
            LayerRule(keras.layers.Conv2D, compression=4.0, group_size=8, skip=True),
            LayerRule("conv", compression=2.5, skip=False),
        ]
    )
    resolved, skip = config.for_layer("conv", keras.layers.Conv2D(4, 3, name="conv"))
    assert (resolved.compression, resolved.group_size, skip) == (2.5, 8, False)
    other, skip = config.for_layer("other", keras.layers.Conv2D(4, 3, name="other"))
    assert (other.compression, other.group_size, skip) == (4.0, 8, True)
    assert resolved.rules == ()

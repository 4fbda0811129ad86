"""Plans: what will be pruned, what it keeps, what is accelerated, and why not."""

import re

import keras
import pytest
from keras import layers
from small_models import sequential

from tf_pconv import LayerRule, PatternConfig, plan, prune_patterns, runtime


@pytest.fixture(autouse=True)
def no_library(monkeypatch):
    """What the delegate cannot take is known without it; tests/test_acceleration.py asks it."""

    def missing():
        raise FileNotFoundError

    monkeypatch.setattr(runtime, "delegate_path", missing)


def model_of(*middle, channels=16, head=True):
    """A stem, some layers, and a dense classifier."""
    head_layers = [layers.GlobalAveragePooling2D(), layers.Dense(4, name="head")] if head else []
    stem = layers.Conv2D(channels, 3, padding="same", name="stem")
    return keras.Sequential([keras.Input((12, 12, 3)), stem, *middle, *head_layers])


def test_table_says_everything():
    config = PatternConfig(compression=4.0, group_size=2)
    model = model_of(layers.Conv2D(16, 3, name="body"), layers.Conv2D(8, 1, name="pointwise"))
    table = str(plan(model, config))
    for word in ("stem", "body", "pointwise", "head", "scp8", "2 of 4 layers pruned"):
        assert word in table


def test_first_convolution_and_classifier_are_left_dense():
    planned = plan(sequential(), PatternConfig())
    assert [row.name for row in planned] == ["stem", "body1", "body2", "head"]
    assert [row.name for row in planned.pruned] == ["body1", "body2"]
    assert planned["stem"].reason.startswith("first convolution")
    assert planned["head"].reason.startswith("classifier")
    assert planned["stem"].kept == planned["stem"].weights


def test_convolutional_classifier_is_left_dense():
    model = model_of(
        layers.Conv2D(16, 3, name="body"), layers.Conv2D(4, 1, name="classifier"), head=False
    )
    planned = plan(model, PatternConfig())
    assert planned["classifier"].reason.startswith("classifier")
    assert planned["body"].pruned


def test_convolution_before_normalisation_is_no_classifier():
    model = model_of(
        layers.Conv2D(16, 3, name="body"), layers.BatchNormalization(), layers.ReLU(), head=False
    )
    assert plan(model, PatternConfig())["body"].pruned


def test_weights_kept_follow_the_formula():
    model = model_of(layers.Conv2D(32, 3, name="body"), channels=256)
    row = plan(model, PatternConfig(compression=8.0))["body"]
    assert row.action == "scp8 + 72 of 256 kernels, groups of 4"
    assert (row.weights, row.kept) == (9 * 256 * 32, 4 * 72 * 32)
    assert plan(model, PatternConfig(compression=8.0)).compression == 8.0


def test_compression_below_that_of_patterns_keeps_all_kernels():
    row = plan(model_of(layers.Conv2D(16, 3, name="body")), PatternConfig(compression=1.0))["body"]
    assert row.kept == 4 * 16 * 16


@pytest.mark.parametrize(
    ("layer", "pruned", "accelerated", "reason"),
    [
        (layers.Conv2D(8, 3, strides=2), True, True, ""),
        (layers.Conv2D(8, 3, strides=3), True, False, "stride 3"),
        (layers.Conv2D(8, 3, dilation_rate=2), True, False, "dilation 2"),
        (layers.Conv2D(8, 3, groups=2), True, False, "2 convolution groups"),
        (layers.Conv2D(8, 1), True, True, ""),
        (layers.Conv2D(8, 1, groups=2), True, False, "2 convolution groups"),
        (layers.Conv2D(8, (5, 3)), True, False, "5x3 kernels"),
        (layers.DepthwiseConv2D(3, strides=2), True, True, ""),
        (layers.DepthwiseConv2D(3, dilation_rate=2), True, False, "dilation 2"),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), True, False, "depth multiplier 2"),
        (layers.DepthwiseConv2D(5), False, False, "depthwise 5x5; patterns are 3x3"),
        (layers.SeparableConv2D(8, 3), False, False, "not a Conv2D or Dense"),
        (layers.Conv2DTranspose(8, 3), False, False, "not a Conv2D or Dense"),
        (layers.EinsumDense("bhwc,cd->bhwd", (None, None, 8)), False, False, "not a Conv2D or"),
    ],
    ids=lambda value: value.__class__.__name__ if isinstance(value, keras.Layer) else str(value),
)
def test_reason_is_given_where_the_delegate_does_not_help(layer, pruned, accelerated, reason):
    copy = layer.from_config({**layer.get_config(), "name": "middle"})
    row = plan(model_of(layers.Conv2D(16, 3, name="body"), copy), PatternConfig())["middle"]
    assert (row.pruned, row.accelerated) == (pruned, accelerated)
    assert reason in row.reason
    assert bool(row.reason) == bool(reason)


def test_kernels_other_than_3x3_lose_connectivity_only():
    model = model_of(layers.Conv2D(8, 1, name="pointwise"), layers.Conv2D(8, 5, name="wide"))
    planned = plan(model, PatternConfig(compression=4.0, group_size=1))
    assert planned["pointwise"].action == "4 of 16 kernels"
    assert (planned["pointwise"].kept, planned["wide"].kept) == (4 * 8, 25 * 2 * 8)


def test_depthwise_kernels_get_patterns_only():
    planned = plan(model_of(layers.DepthwiseConv2D(3, name="depthwise")), PatternConfig())
    assert planned["depthwise"].action == "scp8"
    assert planned["depthwise"].kept == 4 * 16


@pytest.mark.parametrize(
    ("channels", "accelerated", "reason"), [(7, False, "7 channels"), (8, True, "in float32")]
)
def test_depthwise_layers_of_few_channels(channels, accelerated, reason):
    body = layers.Conv2D(channels, 3, name="body")
    model = model_of(body, layers.DepthwiseConv2D(3, name="depthwise"))
    row = plan(model, PatternConfig())["depthwise"]
    assert (row.accelerated, row.reason) == (accelerated, reason)


def perceptron(*units, inputs=256, cls=layers.Dense):
    """Dense layers named by their place, and a classifier of 1,000 classes."""
    hidden = [cls(size, name=f"fc{place}") for place, size in enumerate(units, 1)]
    return keras.Sequential([keras.Input((inputs,)), *hidden, layers.Dense(1000, name="head")])


class TestDense:
    def test_hidden_layers_are_pruned_like_1x1_convolutions(self):
        row = plan(perceptron(256), PatternConfig(compression=8.0))["fc1"]
        assert row.action == "32 of 256 kernels, groups of 4"
        assert (row.shape, row.weights, row.kept) == ((256, 256), 256 * 256, 32 * 256)
        assert row.accelerated

    @pytest.mark.parametrize(
        ("shape", "compression", "reason"),
        [
            ((256,), 1.5, "keeps more than half"),
            ((2, 2, 256), 8.0, ""),
            ((2, 2, 2, 256), 8.0, "inputs of 5 dimensions"),
            ((65_536,), 8.0, "more than 65,535 inputs"),
        ],
    )
    def test_reason_is_given_where_the_delegate_does_not_help(self, shape, compression, reason):
        model = keras.Sequential(
            [keras.Input(shape), layers.Dense(256, name="fc"), layers.Dense(4)]
        )
        row = plan(model, PatternConfig(compression=compression))["fc"]
        assert (row.pruned, row.accelerated, row.reason) == (True, not reason, reason)

    def test_classifier_and_small_layers_are_left_dense(self):
        planned = plan(perceptron(256, 255), PatternConfig())
        assert [row.name for row in planned.pruned] == ["fc1"]
        assert planned["fc2"].reason.startswith("little to gain below 65,536 weights; skip=False")
        assert planned["head"].reason.startswith("classifier; skip=False")

    def test_rules_decide_otherwise(self):
        rules = [
            LayerRule("fc1", skip=True),
            LayerRule("fc2", skip=False, compression=4.0),
            LayerRule("head", skip=False, group_size=1),
        ]
        planned = plan(perceptron(256, 64), PatternConfig(rules=rules))
        assert planned["fc1"].reason == "skipped by a rule"
        assert planned["fc2"].action == "64 of 256 kernels, groups of 4"
        assert planned["head"].action == "8 of 64 kernels"

    def test_the_layer_before_each_output_is_a_classifier(self):
        source = keras.Input((256,))
        hidden = layers.Dense(256, activation="relu", name="hidden")(source)
        embedding = layers.Dense(256, name="embedding")(hidden)
        head = keras.Sequential([layers.Dense(256, name="a"), layers.Reshape((16, 16))], name="top")
        logits = layers.Dense(256, name="b")(embedding)
        outputs = [head(embedding), logits, layers.Softmax()(logits), embedding]
        planned = plan(keras.Model(source, outputs), PatternConfig())
        assert [row.name for row in planned.pruned] == ["hidden", "embedding"]
        assert planned["top/a"].reason.startswith("classifier")
        assert planned["b"].reason.startswith("classifier")

    def test_layers_that_meet_before_the_output_are_no_classifiers(self):
        source = keras.Input((256,))
        first = layers.Dense(256, name="first")(source)
        second = layers.Dense(256, name="second")(first)
        planned = plan(keras.Model(source, layers.Add()([first, second])), PatternConfig())
        assert [row.name for row in planned.pruned] == ["first"]

    def test_layer_before_normalisation_is_no_classifier(self):
        model = keras.Sequential(
            [keras.Input((256,)), layers.Dense(256, name="fc"), layers.BatchNormalization()]
        )
        assert plan(model, PatternConfig())["fc"].pruned

    def test_subclass_is_pruned_only_when_forced(self):
        class Own(layers.Dense):
            pass

        model = perceptron(256, cls=Own)
        with pytest.raises(ValueError, match=r"'fc1' \(Own\): a subclass may change its kernel"):
            plan(model, PatternConfig())
        assert plan(model, PatternConfig(rules=LayerRule("fc1", skip=False)))["fc1"].pruned

    def test_quantised_layers_are_refused(self):
        model = perceptron(256, 256)
        model.get_layer("fc1").quantize("int8")
        model.get_layer("fc2").enable_lora(2)
        for config in (
            PatternConfig(),
            PatternConfig(rules=LayerRule(re.compile("fc"), skip=False)),
        ):
            with pytest.raises(ValueError, match=r"'fc1'.*: quantised.*'fc2'.*: LoRA is enabled"):
                plan(model, config)


def test_channels_first_is_refused_with_a_reason():
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, name="stem")(inputs)
    first = layers.Conv2D(8, 3, data_format="channels_first", name="first")(x)
    body = layers.Conv2D(8, 3, name="body")(x)
    model = keras.Model(inputs, [first, layers.BatchNormalization()(body)])
    assert "channels_first" in plan(model, PatternConfig())["first"].reason


def test_subclass_of_a_convolution_is_pruned_only_when_forced():
    class Standardised(layers.Conv2D):
        pass

    model = model_of(layers.Conv2D(8, 3, name="body"), Standardised(8, 3, name="own"))
    assert "a subclass may change its kernel" in plan(model, PatternConfig())["own"].reason
    config = PatternConfig(rules=[LayerRule("own", skip=False)])
    assert plan(model, config)["own"].pruned


def test_rules_change_layers():
    config = PatternConfig(
        rules=[
            LayerRule("stem", skip=False),
            LayerRule("body1", library="pconv4", compression=2.25, group_size=8),
            LayerRule(re.compile("2$"), skip=True),
        ]
    )
    planned = plan(sequential(), config)
    assert planned["stem"].pruned
    assert planned["body1"].action == "pconv4, groups of 8"
    assert planned["body2"].reason == "skipped by a rule"


def test_rule_that_matches_nothing_is_an_error():
    config = PatternConfig(rules=[LayerRule("boody", skip=True)])
    with pytest.raises(ValueError, match=r"'boody'.* matches no layer; .*body1"):
        plan(sequential(), config)


def test_nested_models_are_entered_and_shared_layers_counted_once():
    inner = keras.Sequential(
        [keras.Input((12, 12, 8)), layers.Conv2D(8, 3, padding="same", name="conv")], name="inner"
    )
    shared = layers.Conv2D(8, 3, padding="same", name="shared")
    inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, padding="same", name="stem")(inputs)
    x = inner(inner(shared(shared(x))))
    model = keras.Model(inputs, layers.Dense(4, name="head")(x))
    names = [row.name for row in plan(model, PatternConfig())]
    assert sorted(names) == ["head", "inner/conv", "shared", "stem"]
    by_path = PatternConfig(rules=[LayerRule("inner/conv", compression=2.25)])
    assert plan(model, by_path)["inner/conv"].kept == 4 * 8 * 8


def test_parts_of_composite_layers_are_named_but_left_dense():
    inputs = keras.Input((2, 12, 12, 3))
    x = layers.TimeDistributed(layers.Conv2D(8, 3, name="hidden"), name="frames")(inputs)
    x = layers.TimeDistributed(layers.Conv2D(8, 3, name="hidden2"), name="frames2")(x)
    outputs = layers.Conv2D(8, 3, name="body")(layers.Reshape((16, 8, 8))(x))
    outputs = layers.BatchNormalization()(outputs)
    planned = plan(keras.Model(inputs, outputs), PatternConfig())
    assert "inside TimeDistributed 'frames2'" in planned["frames2/hidden2"].reason
    assert planned["body"].pruned


def test_planning_leaves_the_model_alone():
    model = sequential()
    before = model.get_config()
    plan(model, PatternConfig())
    assert model.get_config() == before


def test_plan_of_a_subclassed_model_shows_its_layers():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.stem = layers.Conv2D(8, 3, name="stem")
            self.body = layers.Conv2D(8, 3, name="body")
            self.head = layers.Dense(4, name="head")

        def call(self, x):
            return self.head(self.body(self.stem(x)))

    model = Net()
    model(keras.ops.zeros((1, 12, 12, 3)))
    assert [row.name for row in plan(model, PatternConfig()).pruned] == ["body"]


def test_unknown_name_is_an_error():
    with pytest.raises(KeyError, match=r"No layer 'nobody'.*body1"):
        plan(sequential(), PatternConfig())["nobody"]


def test_every_reason_is_listed_when_nothing_can_be_pruned():
    model = model_of()
    for function in (plan, prune_patterns):
        with pytest.raises(
            ValueError, match=r"Nothing to prune.*'stem'.*first conv.*'head'.*Dense"
        ):
            function(model, PatternConfig())

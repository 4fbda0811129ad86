"""Pattern libraries: what they contain, what they refuse, and PCONV's derivation."""

import itertools
import json

import keras
import numpy as np
import pytest

from tf_pconv import patterns
from tf_pconv.patterns import PatternLibrary, get_library, natural_patterns


def test_pconv4_is_figure_2_of_the_paper():
    up, left, down, right = get_library("pconv4").to_array().tolist()
    assert up == [[0, 1, 0], [1, 1, 1], [0, 0, 0]]
    assert left == [[0, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert down == [[0, 0, 0], [1, 1, 1], [0, 1, 0]]
    assert right == [[0, 1, 0], [0, 1, 1], [0, 1, 0]]


def test_scp8_is_the_t_shapes_and_the_centred_blocks():
    library = get_library("scp8")
    assert library.masks[:4] == get_library("pconv4").masks
    blocks = library.to_array()[4:]
    corners = {tuple(np.argwhere(block).min(axis=0)) for block in blocks}
    assert corners == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert all(block[1, 1] == 1 for block in blocks)
    assert all(np.ptp(np.argwhere(block), axis=0).tolist() == [1, 1] for block in blocks)


def test_t_shapes_sum_to_an_elog_like_filter_and_blocks_to_the_gaussian():
    t_shapes, blocks = np.split(get_library("scp8").to_array(), 2)
    np.testing.assert_array_equal(t_shapes.sum(axis=0), [[0, 3, 0], [3, 4, 3], [0, 3, 0]])
    np.testing.assert_array_equal(blocks.sum(axis=0), np.outer([1, 2, 1], [1, 2, 1]))


def test_one_layer_of_the_interpolation_is_the_mean_t_shape():
    mean = get_library("pconv4").to_array().mean(axis=0)
    np.testing.assert_allclose(patterns.elog_interpolation(1), mean / mean[0, 1])


def test_interpolated_layers_come_nearest_to_elog_at_seven_and_pass_it_at_eight():
    elog = patterns.elog_kernel()
    distance = [np.abs(patterns.elog_interpolation(layers) - elog).max() for layers in range(1, 13)]
    assert np.argmin(distance) + 1 == 7
    assert patterns.elog_interpolation(7)[1, 1] < elog[1, 1] < patterns.elog_interpolation(8)[1, 1]
    np.testing.assert_array_equal(elog, patterns.elog_interpolation(1, 1 / 8))


@pytest.mark.parametrize("arguments", [{"layers": 0}, {"layers": 1, "keep_probability": 0.0}])
def test_interpolation_refuses_arguments_out_of_range(arguments):
    with pytest.raises(ValueError, match="received 0"):
        patterns.elog_interpolation(**arguments)


def test_arrays_round_trip():
    library = get_library("scp8")
    assert PatternLibrary.from_arrays(library.to_array()) == library
    assert get_library(library.to_array().astype(bool)) == library
    assert get_library(library.to_array().tolist()) == library


def test_config_round_trips_through_json_and_keras():
    library = PatternLibrary.from_arrays(get_library("scp8").to_array()[2:5], "mine")
    for config in (library.get_config(), keras.saving.serialize_keras_object(library)):
        restored = get_library(json.loads(json.dumps(config)))
        assert (restored, restored.name) == (library, "mine")
    serialised = keras.saving.serialize_keras_object(library)
    assert keras.saving.deserialize_keras_object(serialised) == library


def test_a_library_compares_by_masks_in_order():
    first, second = get_library("pconv4").masks[:2]
    assert PatternLibrary("a", (first, second)) == PatternLibrary("b", (first, second))
    assert PatternLibrary("a", (first, second)) != PatternLibrary("a", (second, first))
    assert len({PatternLibrary("a", (first,)), PatternLibrary("b", (first,))}) == 1


def test_masks_take_numpy_integers():
    library = PatternLibrary("numpy", tuple(np.array([0b000_111_010])))
    assert json.dumps(library.get_config()) == '{"name": "numpy", "masks": [58]}'


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("scp9", "Unknown pattern library 'scp9'. Known names: pconv4, scp8"),
        (None, "Cannot make a pattern library of None"),
        (np.ones((2, 3, 4)), r"shape \(patterns, 3, 3\); received \(2, 3, 4\)"),
        (get_library("pconv4").to_array()[0], "Put a single mask in a list"),
        (get_library("pconv4").to_array() * 2, r"received the values \[0, 2\]"),
        ([[[1, 1, 1], [1, 1, 0], [0, 0, 0]]], "keeps 5 weights:\n# # #\n# # .\n. . ."),
        (get_library("pconv4").to_array()[[0, 1, 0]], r"Patterns \[0, 2\] .* are the same"),
        (np.zeros((0, 3, 3)), "is empty"),
        ([[[1, 1], [1, 1]], [[1]]], "do not form one array"),
        ({"name": "mine"}, "'name' and 'masks'"),
        ({"name": "mine", "masks": [512]}, "from 0 to 511"),
    ],
)
def test_bad_libraries_are_refused_with_one_clear_sentence(identifier, message):
    with pytest.raises(ValueError, match=message):
        get_library(identifier)


def kernels_of(masks, weight=1.0):
    """One tensor of shape (3, 3, len(masks), 1) whose kernels follow the masks."""
    arrays = [PatternLibrary("test", (mask,)).to_array()[0] for mask in masks]
    return weight * np.stack(arrays, axis=2)[..., None].astype(np.float32)


def test_natural_patterns_are_ranked_by_count():
    common, rare, single = get_library("scp8").masks[5:8]
    source = [kernels_of([common, rare, common]), kernels_of([single, common, rare], weight=-2.0)]
    assert natural_patterns(source, count=2).masks == (common, rare)
    assert natural_patterns(source).masks == (common, rare, single)


def test_natural_patterns_always_keep_the_centre_and_the_three_largest_others():
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(3, 3, 1, 1)).astype(np.float32)
    kernel[1, 1] = 0
    (mask,) = natural_patterns([kernel]).to_array()
    others = itertools.combinations([0, 1, 2, 3, 5, 6, 7, 8], 3)
    best = max(others, key=lambda places: np.abs(kernel).ravel()[list(places)].sum())
    assert set(np.flatnonzero(mask)) == {4, *best}


def test_equal_counts_are_ordered_by_mask():
    masks = get_library("scp8").masks
    expected = tuple(sorted(masks))
    assert natural_patterns([kernels_of(masks)]).masks == expected
    assert natural_patterns([kernels_of(masks[::-1])]).masks == expected


def test_equal_weights_count_for_the_first_of_them():
    (mask,) = natural_patterns([np.ones((3, 3, 1, 1))]).to_array()
    assert np.flatnonzero(mask).tolist() == [0, 1, 2, 4]


def test_removed_kernels_have_no_natural_pattern():
    block = get_library("scp8").masks[6]
    kernel = np.concatenate([np.zeros((3, 3, 5, 1)), kernels_of([block])], axis=2)
    assert natural_patterns([kernel]).masks == (block,)


def test_natural_patterns_of_a_nested_model_come_from_its_3x3_kernels():
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(1, 3, name="conv")])
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), inner, keras.layers.Conv2D(4, 1), keras.layers.Conv2D(4, 5)]
    )
    masks = get_library("pconv4").masks[1:4]
    inner.get_layer("conv").set_weights([kernels_of(masks), np.zeros(1)])
    assert set(natural_patterns(model).masks) == set(masks)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([np.ones((3, 3, 1, 1))], 0), "from 1 to 56, received 0"),
        (([np.ones((3, 3, 1, 1))], 57), "received 57"),
        (([np.zeros((3, 3, 1, 1))],), "No patterns to mine"),
        (([np.full((3, 3, 1, 1), np.nan)],), "not finite"),
        (([np.ones((5, 5, 1, 1))],), r"Kernel 0 has the shape \(5, 5, 1, 1\)"),
    ],
)
def test_mining_refuses_what_it_cannot_use(arguments, message):
    with pytest.raises(ValueError, match=message):
        natural_patterns(*arguments)


@pytest.mark.parametrize("source", ["scp8", 3, None])
def test_natural_patterns_of_something_else_are_refused(source):
    with pytest.raises(TypeError, match="mined from a Keras 3 model or a list of kernels"):
        natural_patterns(source)

"""`UpdatePatternStep`: it drives the schedule, and no `fit()` goes without it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from small_models import CONFIG, GRADUAL, ONE_SHOT, array, compile_model, data, fit, sequential

from tf_pconv import PatternConfig, UpdatePatternStep, prune_patterns, update_pattern_step
from tf_pconv.pruning import pattern_wrappers
from tf_pconv.schedules import ConstantSparsity, default_schedule

REFUSAL = "is trained without updates of its masks: pass callbacks="


def pruned_model(config=GRADUAL, **kwargs):
    return compile_model(prune_patterns(sequential(), config), **kwargs)


def masks(model):
    return [array(wrapper.mask) for wrapper in pattern_wrappers(model)]


class Recorder(keras.callbacks.Callback):
    """Keeps the share of weights that the first mask keeps, at the end of each batch."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def on_train_batch_end(self, batch, logs=None):
        self.kept.append(masks(self.model)[0].mean())


class Interruption(keras.callbacks.Callback):
    """Raises at some place of a training."""

    def __init__(self, place):
        super().__init__()
        setattr(self, place, self._interrupt)

    def _interrupt(self, *args, **kwargs):
        raise KeyboardInterrupt


def test_masks_advance_within_an_epoch_and_reach_the_target(rng):
    model, recorder = pruned_model(), Recorder()
    fit(model, *data(rng, 80), callbacks=[recorder])
    kept = recorder.kept
    assert kept == sorted(kept, reverse=True)
    assert len(set(kept)) == 5
    assert kept[-1] == pytest.approx(1 / 4.5)
    for wrapper in pattern_wrappers(model):
        assert array(wrapper.mask).sum() == wrapper.target.weights_kept
        assert (int(wrapper.pruning_step), float(wrapper.progress)) == (10, 1.0)


@pytest.mark.parametrize(
    "options",
    [{"run_eagerly": True}, {"jit_compile": True}, {"steps_per_execution": 5}],
    ids=lambda options: next(iter(options)),
)
def test_every_way_to_run_a_step_gives_the_same_final_counts(options, rng):
    model = pruned_model(**options)
    fit(model, *data(rng, 80))
    for wrapper in pattern_wrappers(model):
        assert array(wrapper.mask).sum() == wrapper.target.weights_kept
        assert int(wrapper.pruning_step) == 10


def test_update_inside_one_execution_of_several_steps_is_not_missed(rng):
    model = pruned_model(CONFIG_AT_STEP_3, steps_per_execution=4)
    fit(model, *data(rng, 64))
    assert masks(model)[0].mean() < 1


CONFIG_AT_STEP_3 = PatternConfig(schedule=ConstantSparsity(3, 3))


def test_pruned_weights_do_not_train_and_kept_ones_do(rng):
    model = pruned_model(CONFIG)
    before = [array(wrapper.kernel) for wrapper in pattern_wrappers(model)]
    fit(model, *data(rng), epochs=2)
    for old, wrapper in zip(before, pattern_wrappers(model), strict=True):
        mask, new = array(wrapper.mask), array(wrapper.kernel)
        np.testing.assert_array_equal(old[mask == 0], new[mask == 0])
        assert (old[mask == 1] != new[mask == 1]).mean() > 0.5


def test_fit_without_the_callback_is_an_error_but_evaluation_is_not(rng):
    model = pruned_model()
    x, y = data(rng)
    with pytest.raises(RuntimeError, match=f"^The pruned layer 'body1' {REFUSAL}"):
        model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    model(x)
    fit(model, x, y)


def test_second_fit_needs_the_callback_too(rng):
    model = pruned_model()
    x, y = data(rng)
    fit(model, x, y)
    with pytest.raises(RuntimeError, match=REFUSAL):
        model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    fit(model, x, y)
    assert int(pattern_wrappers(model)[0].pruning_step) == 4


def test_fit_after_compile_needs_the_callback_too(rng):
    model = pruned_model()
    x, y = data(rng)
    fit(model, x, y)
    compile_model(model)
    with pytest.raises(RuntimeError, match=REFUSAL):
        model.fit(x, y, verbose=0)


def test_reloaded_model_needs_the_callback_too(tmp_path, rng):
    model = pruned_model()
    x, y = data(rng)
    fit(model, x, y)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(RuntimeError, match=REFUSAL):
        restored.fit(x, y, verbose=0)
    restored.evaluate(x, y, verbose=0)
    fit(restored, x, y)
    assert int(pattern_wrappers(restored)[0].pruning_step) == 4


@pytest.mark.parametrize(
    "place",
    ["on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end"],
)
def test_fit_after_an_interrupted_one_needs_the_callback_too(place, rng):
    model = pruned_model()
    x, y = data(rng)
    with pytest.raises(KeyboardInterrupt):
        fit(model, x, y, callbacks=[Interruption(place)])
    with pytest.raises(RuntimeError, match=REFUSAL):
        model.fit(x, y, batch_size=len(x), verbose=0)
    model.evaluate(x, y, verbose=0)
    fit(model, x, y)


def test_fit_after_a_custom_loop_needs_the_callback(rng):
    model = pruned_model()
    x, y = data(rng)
    update_pattern_step(model)
    model(x, training=True)
    with pytest.raises(RuntimeError, match=REFUSAL):
        model.fit(x, y, batch_size=len(x), verbose=0)
    update_pattern_step(model)
    compile_model(model)
    with pytest.raises(RuntimeError, match=REFUSAL):
        model.fit(x, y, batch_size=len(x), verbose=0)


def test_pruned_model_inside_another_is_driven_by_the_callback_of_the_outer_fit(rng):
    inner = prune_patterns(sequential(), GRADUAL)
    inputs = keras.Input((8, 8, 3))
    outer = compile_model(keras.Model(inputs, layers.Dense(4)(inner(inputs))))
    x, y = data(rng, 80)
    with pytest.raises(RuntimeError, match=REFUSAL):
        outer.fit(x, y, verbose=0)
    fit(outer, x, y)
    assert float(pattern_wrappers(inner)[0].progress) == 1


def test_evaluation_inside_fit_is_pruned_and_allowed(rng):
    model = pruned_model(CONFIG)
    x, y = data(rng)
    history = fit(model, x, y, epochs=2, validation_data=(x, y))
    assert history.history["val_loss"][-1] == pytest.approx(
        model.evaluate(x, y, verbose=0), rel=1e-5
    )


def test_predictions_by_other_callbacks_do_not_disturb(rng):
    model = pruned_model()
    x, y = data(rng)
    predict = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: model.predict(x, verbose=0)
    )
    fit(model, x, y, callbacks=[predict])


def test_default_schedule_ends_in_the_middle_and_stays_as_first_resolved(tmp_path, rng):
    model = pruned_model(PatternConfig(compression=4.5))
    x, y = data(rng)
    fit(model, x, y, epochs=10, callbacks=[Stop(after_epochs=2)])
    wrapper = pattern_wrappers(model)[0]
    assert wrapper.schedule == default_schedule(20)
    assert 0 < float(wrapper.progress) < 1
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    fit(restored, x, y, epochs=20, initial_epoch=2)
    wrapper = pattern_wrappers(restored)[0]
    assert wrapper.schedule == default_schedule(20)
    assert float(wrapper.progress) == 1


class Stop(keras.callbacks.Callback):
    """Ends a training early."""

    def __init__(self, after_epochs):
        super().__init__()
        self.after_epochs = after_epochs

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch + 1 >= self.after_epochs


def test_default_schedule_counts_from_the_initial_epoch(rng):
    model = pruned_model(PatternConfig())
    fit(model, *data(rng), epochs=10, initial_epoch=5)
    assert pattern_wrappers(model)[0].schedule == default_schedule(10)


def test_default_schedule_needs_to_know_the_number_of_steps(rng):
    model = pruned_model(PatternConfig())
    x, y = data(rng)
    batches = ((x[:8], y[:8]) for _ in range(3))
    with pytest.raises(ValueError, match="pass steps_per_epoch to fit"):
        model.fit(batches, verbose=0, callbacks=[UpdatePatternStep()])


def test_schedules_can_differ_between_layers(rng):
    rules = [
        {"match": {"name": "body2"}, "schedule": keras.saving.serialize_keras_object(ONE_SHOT)}
    ]
    model = pruned_model(PatternConfig(schedule=ConstantSparsity(2, 2), rules=rules))
    fit(model, *data(rng))
    first, second = masks(model)
    assert first.all()
    assert not second.all()


def test_callback_on_a_model_that_is_not_pruned_is_an_error(rng):
    model = compile_model(sequential())
    with pytest.raises(ValueError, match="found no pruned layer in 'small'"):
        fit(model, *data(rng))


def test_two_callbacks_are_an_error(rng):
    with pytest.raises(ValueError, match="two UpdatePatternStep callbacks"):
        fit(pruned_model(), *data(rng), callbacks=[UpdatePatternStep()])


def test_same_seed_gives_the_same_masks(rng):
    x, y = data(rng, 80)
    runs = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        model = pruned_model()
        fit(model, x, y)
        runs.append(masks(model))
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first, second)


def test_backup_goes_on_where_the_training_was_interrupted(tmp_path, rng):
    x, y = data(rng)
    config = PatternConfig(compression=4.5)

    def train(callbacks):
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        model = pruned_model(config)
        fit(model, x, y, epochs=4, callbacks=[backup, *callbacks])
        return model

    class AtEpoch3(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train([AtEpoch3()])
    for wrapper in pattern_wrappers(train([])):
        assert (int(wrapper.pruning_step), float(wrapper.progress)) == (8, 1.0)
        assert wrapper.schedule == default_schedule(8)


def test_distribution_strategy(rng):
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        model = pruned_model()
    fit(model, *data(rng, 80))
    assert array(pattern_wrappers(model)[0].progress) == 1

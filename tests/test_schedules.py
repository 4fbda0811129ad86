"""Schedules: tfmot's protocol, exact ends, and what counts as a schedule."""

import json

import keras
import numpy as np
import pytest

from tf_pconv import schedules
from tf_pconv.schedules import CallableSchedule, ConstantSparsity, PolynomialDecay, get_schedule


def updates(schedule, steps):
    return [step for step in range(steps) if schedule(step)[0]]


def test_constant_sparsity_updates_in_its_range_and_is_dense_before():
    schedule = ConstantSparsity(begin_step=5, end_step=26, frequency=10)
    assert updates(schedule, 100) == [5, 15, 25, 26]
    assert [schedule(step)[1] for step in (0, 4, 5, 100)] == [0, 0, 1, 1]


def test_constant_sparsity_without_end_never_stops():
    assert updates(ConstantSparsity(frequency=40), 121) == [0, 40, 80, 120]


def test_one_shot_updates_once():
    assert updates(ConstantSparsity(7, 7, frequency=1), 50) == [7]


def test_polynomial_decay_is_the_cubic_ramp_of_zhu_and_gupta():
    schedule = PolynomialDecay(begin_step=10, end_step=110, frequency=50, initial_progress=0.2)
    for step in (10, 35, 60, 110):
        expected = 1 + (0.2 - 1) * (1 - (step - 10) / 100) ** 3
        assert schedule(step)[1] == pytest.approx(expected)
    assert schedule(9) == (False, 0.0)
    assert schedule(500) == (False, 1.0)


@pytest.mark.parametrize("end_step", [99, 100, 101, 250])
def test_the_last_update_is_at_the_end_and_complete(end_step):
    schedule = PolynomialDecay(0, end_step, frequency=100)
    assert updates(schedule, 1000)[-1] == end_step
    assert schedule(end_step) == (True, 1.0)


def test_progress_never_falls():
    schedule = PolynomialDecay(3, 97, power=2.5, frequency=7)
    progress = [schedule(step)[1] for step in range(120)]
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (0, 1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConstantSparsity(-1), "begin_step is at least 0; received -1"),
        (lambda: ConstantSparsity(10, 9), "end_step is at least begin_step, 10"),
        (lambda: ConstantSparsity(0, -2), "received -2"),
        (lambda: ConstantSparsity(frequency=0), "frequency is at least 1"),
        (lambda: PolynomialDecay(0, -1), "A ramp ends after it begins"),
        (lambda: PolynomialDecay(5, 5), "Use ConstantSparsity"),
        (lambda: PolynomialDecay(0, 5, power=0), "power is above 0"),
        (lambda: PolynomialDecay(0, 5, initial_progress=1.5), "from 0 to 1; received 1.5"),
    ],
)
def test_constructors_refuse_arguments_out_of_range(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("make", [ConstantSparsity, PolynomialDecay])
@pytest.mark.parametrize("end_step", [312.5, "10", None])
def test_steps_are_whole_numbers(make, end_step):
    with pytest.raises(TypeError, match="end_step is a whole number of training steps; received"):
        make(0, end_step)


def test_steps_may_be_numbers_of_numpy():
    schedule = PolynomialDecay(np.int64(0), np.int64(10), frequency=np.int32(2))
    assert json.dumps(schedule.get_config())


@keras.saving.register_keras_serializable(package="test_schedules")
def every_third(step):
    return step % 3 == 0, np.minimum(step / 30, 1)


@pytest.mark.parametrize(
    "schedule",
    [
        ConstantSparsity(3, 30, 5),
        PolynomialDecay(3, 30, 2.0, 5, 0.25),
        CallableSchedule(every_third),
    ],
)
def test_schedules_round_trip_through_keras_and_json(schedule):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(schedule)))
    restored = get_schedule(config)
    assert restored == schedule
    assert [restored(step) for step in range(40)] == [schedule(step) for step in range(40)]
    assert len({restored, schedule}) == 1
    assert schedule != ConstantSparsity(0)


def test_a_plain_config_names_the_class():
    config = {"class_name": "PolynomialDecay", "config": {"begin_step": 1, "end_step": 9}}
    assert get_schedule(config) == PolynomialDecay(1, 9)


def test_a_callable_may_return_tensors():
    schedule = get_schedule(
        lambda step: (keras.ops.equal(step, 4), keras.ops.convert_to_tensor(0.5))
    )
    assert schedule(4) == (True, 0.5)
    assert schedule(5) == (False, 0.5)


@pytest.mark.parametrize("result", [0.5, (True,), (True, 0.5, 1), (True, "much"), None])
def test_a_callable_that_returns_no_pair_is_refused(result):
    with pytest.raises(ValueError, match=r"a schedule returns \(should_update, progress\)"):
        get_schedule(lambda step: result)(0)


@pytest.mark.parametrize("progress", [-0.1, 1.5, float("nan")])
def test_a_callable_with_progress_out_of_range_is_refused(progress):
    with pytest.raises(ValueError, match="progress is from 0"):
        get_schedule(lambda step: (True, progress))(3)


@pytest.mark.parametrize("identifier", [None, 3, "polynomial", ConstantSparsity])
def test_what_is_no_schedule_is_refused(identifier):
    with pytest.raises(TypeError, match="Cannot make a schedule of"):
        get_schedule(identifier)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"begin_step": 3}, r"received \['begin_step'\]"),
        ({"class_name": "Linear", "config": {}}, "Unknown schedule 'Linear'. Known names: Const"),
    ],
)
def test_a_config_of_something_else_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        get_schedule(config)


@pytest.fixture(scope="module")
def tfmot():
    return pytest.importorskip("tensorflow_model_optimization").sparsity.keras


def test_tfmot_schedules_are_taken_over(tfmot):
    ramp = tfmot.PolynomialDecay(0.2, 0.8, begin_step=10, end_step=60, power=2, frequency=20)
    own = get_schedule(ramp)
    assert own == PolynomialDecay(10, 60, power=2, frequency=20, initial_progress=0.25)
    for step in (10, 30, 50):
        should_prune, sparsity = ramp(step)
        assert own(step) == (bool(should_prune), pytest.approx(float(sparsity) / 0.8))
    assert own(60) == (True, 1.0)
    assert get_schedule(ramp.get_config()) == own

    constant = tfmot.ConstantSparsity(0.5, begin_step=4, end_step=-1, frequency=3)
    assert get_schedule(constant) == ConstantSparsity(4, -1, 3)
    assert get_schedule(constant.get_config()) == ConstantSparsity(4, -1, 3)


def test_a_subclass_of_a_tfmot_schedule_is_called_as_it_is(tfmot):
    class Halfway(tfmot.PruningSchedule):
        def __call__(self, step):
            return self._should_prune_in_step(step, 2, 8, 3), 0.5

        def get_config(self):
            return {}

    assert updates(get_schedule(Halfway()), 20) == [2, 5, 8]


def test_a_tfmot_ramp_that_falls_is_refused(tfmot):
    with pytest.raises(ValueError, match="ends with more sparsity than it begins with"):
        get_schedule(tfmot.PolynomialDecay(0.8, 0.2, begin_step=0, end_step=10))


def test_targets_advance_from_dense_to_the_configuration():
    path = [schedules.targets(progress, 256, 72) for progress in np.linspace(0, 1, 50)]
    assert (path[0], path[-1]) == ((0, 256), (1, 72))
    assert path == sorted(path, key=lambda target: (target.pattern_fraction, -target.kernels))
    assert schedules.targets(0.3, 16, None) == (0.3, None)
    with pytest.raises(ValueError, match=r"received 1\.1"):
        schedules.targets(1.1, 16, 4)


@pytest.mark.parametrize("steps", [1, 2, 3, 99, 100, 12345])
def test_the_default_schedule_completes_by_the_middle_of_training(steps):
    schedule = schedules.default_schedule(steps)
    last = updates(schedule, steps)[-1]
    assert last == steps // 2
    assert schedule(last) == (True, 1.0)


def test_the_default_schedule_needs_a_step():
    with pytest.raises(ValueError, match="received total_steps 0"):
        schedules.default_schedule(0)

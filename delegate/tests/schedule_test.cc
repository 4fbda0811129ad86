// Order of the passes of a region: what they read is there, and fits the cache.

#include "delegate/tflite/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

namespace tf_pconv {
namespace {

constexpr int kWidth = 100;
constexpr size_t kRowBytes = 10000;

// An operator whose windows are one or three rows high and may skip rows, or
// reach over all rows: then its output is one row. Where a second
// input has one row, all rows of the output depend on that.
class WindowOperator : public Operator {
 public:
  static constexpr int kAllRows = 0;  // a window

  WindowOperator(int window, int stride, int row_unit)
      : window_(window), stride_(stride), row_unit_(row_unit) {}

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    input_ = output_ = inputs[0];
    output_.height =
        window_ == kAllRows ? 1 : (input_.height - 1) / stride_ + 1;
    repeats_second_ = inputs.size() > 1 && inputs[1].height == 1;
    return Status();
  }
  ActivationShape output_shape() const override { return output_; }
  size_t WorkspaceBytes(int) const override { return 0; }
  RowRange InputRows(int input, RowRange rows) const override {
    ++asked_;
    if (input == 1 && repeats_second_) return {0, 1};
    if (window_ == kAllRows) return {0, input_.height};
    const int before = window_ / 2;
    const int begin = rows.begin * stride_ - before;
    const int end = (rows.end - 1) * stride_ - before + window_;
    return {std::max(begin, 0), std::min(end, input_.height)};
  }
  int row_unit() const override { return row_unit_; }
  void RunRows(const void* const*, void*, RowRange, void*, ThreadPool*,
               PhaseTicks*) const override {}
  const char* kernel_name() const override { return "window"; }

  // How often it was asked for rows.
  int64_t asked() const { return asked_; }

 private:
  const int window_;
  const int stride_;
  const int row_unit_;
  ActivationShape input_;
  ActivationShape output_;
  bool repeats_second_ = false;
  mutable int64_t asked_ = 0;
};

// Steps on an input of `height` rows.
class Graph {
 public:
  explicit Graph(int height, int batch = 1)
      : input_{batch, height, kWidth, 10} {}

  // Returns the number of the step.
  int Add(const std::vector<int>& producers, int window, int stride = 1,
          int row_unit = 1) {
    operators_.push_back(
        std::make_unique<WindowOperator>(window, stride, row_unit));
    WindowOperator* op = operators_.back().get();
    std::vector<ActivationShape> inputs;
    for (int producer : producers) {
      inputs.push_back(producer == Step::kOfRuntime
                           ? input_
                           : operators_[producer]->output_shape());
    }
    EXPECT_TRUE(op->Resize(inputs).ok());
    Step step;
    step.op = op;
    step.producers = producers;
    step.input_row_bytes.assign(producers.size(), kRowBytes);
    step.output_row_bytes = kRowBytes;
    steps_.push_back(step);
    return static_cast<int>(steps_.size()) - 1;
  }

  // Of steps that are added from now on.
  void SetBatch(int batch) { input_.batch = batch; }

  Step& step(int index) { return steps_[index]; }
  int64_t asked() const {
    int64_t asked = 0;
    for (const auto& op : operators_) asked += op->asked();
    return asked;
  }
  const std::vector<Step>& steps() const { return steps_; }

 private:
  ActivationShape input_;
  std::vector<std::unique_ptr<WindowOperator>> operators_;
  std::vector<Step> steps_;
};

int Height(const Step& step) { return step.op->output_shape().height; }

// Follows the passes: each row is computed once, in order, and no pass reads
// rows that are not there yet or no longer kept.
void ExpectSound(const Graph& graph, const Schedule& schedule) {
  const std::vector<Step>& steps = graph.steps();
  std::vector<RowRange> held(steps.size());
  for (size_t i = 0; i < schedule.passes.size(); ++i) {
    const Pass& pass = schedule.passes[i];
    const int index = static_cast<int>(i);
    const Step& step = steps[pass.step];
    for (size_t input = 0; input < step.producers.size(); ++input) {
      const int producer = step.producers[input];
      if (producer == Step::kOfRuntime) continue;
      const RowRange needed =
          step.op->InputRows(static_cast<int>(input), pass.rows);
      ASSERT_GE(needed.begin, held[producer].begin) << "pass " << i;
      ASSERT_LE(needed.end, held[producer].end) << "pass " << i;
      ASSERT_LE(index, schedule.last_pass[producer]);
    }
    RowRange& output = held[pass.step];
    ASSERT_EQ(pass.rows.begin, output.end) << "pass " << i;
    ASSERT_LT(pass.rows.begin, pass.rows.end) << "pass " << i;
    ASSERT_GE(pass.kept_row, output.begin) << "pass " << i;
    ASSERT_LE(pass.kept_row, output.end) << "pass " << i;
    ASSERT_GE(index, schedule.first_pass[pass.step]);
    ASSERT_LE(index, schedule.last_pass[pass.step]);
    output = {pass.kept_row, pass.rows.end};
    ASSERT_LE(output.end - output.begin, schedule.rows[pass.step]);
    if (step.leaves_region) {
      ASSERT_EQ(output.begin, 0);
    }
  }
  for (size_t step = 0; step < steps.size(); ++step) {
    EXPECT_EQ(held[step].end, Height(steps[step])) << "step " << step;
  }
}

// Four convolutions one after another.
Graph Chain(int height, int row_unit = 1) {
  Graph graph(height);
  int last = Step::kOfRuntime;
  for (int i = 0; i < 4; ++i) last = graph.Add({last}, 3, 1, row_unit);
  graph.step(last).leaves_region = true;
  return graph;
}

TEST(ScheduleTest, TensorsThatFitTheCacheAreComputedAsWholes) {
  const Graph graph = Chain(50);
  const Schedule schedule = PlanSchedule(graph.steps(), {1, 1000 * kRowBytes});
  ExpectSound(graph, schedule);
  EXPECT_EQ(schedule.passes.size(), 4u);
}

TEST(ScheduleTest, LargerOnesAreComputedAFewRowsInTurn) {
  for (int row_unit : {1, 2}) {
    const Graph graph = Chain(201, row_unit);
    const Schedule schedule = PlanSchedule(graph.steps(), {1, 100 * kRowBytes});
    ExpectSound(graph, schedule);
    EXPECT_GT(schedule.passes.size(), 8u);
    for (int step = 0; step < 3; ++step) EXPECT_LT(schedule.rows[step], 100);
    for (const Pass& pass : schedule.passes) {
      EXPECT_EQ(pass.rows.begin % row_unit, 0);
      const RowRange read =
          graph.steps()[pass.step].op->InputRows(0, pass.rows);
      EXPECT_LE(read.end - read.begin + pass.rows.end - pass.rows.begin, 100);
    }
  }
}

// Of four steps whose weights leave room for two, those run in turn between
// which the large tensors lie.
TEST(ScheduleTest, SmallTensorsArePassedOnAsWholes) {
  Graph graph = Chain(201);
  graph.step(1).output_row_bytes = kRowBytes / 100;
  graph.step(2).input_row_bytes = {kRowBytes / 100};
  for (int step = 0; step < 4; ++step) {
    graph.step(step).weight_bytes = 30 * kRowBytes;
  }
  const Schedule schedule = PlanSchedule(graph.steps(), {1, 100 * kRowBytes});
  ExpectSound(graph, schedule);
  EXPECT_LT(schedule.rows[0], 100);
  EXPECT_EQ(schedule.rows[1], 201);
  EXPECT_LT(schedule.rows[2], 100);
}

TEST(ScheduleTest, WeightsThatFillTheCacheAreNotReadAgain) {
  Graph graph = Chain(201);
  for (int step = 0; step < 4; ++step) {
    graph.step(step).weight_bytes = 60 * kRowBytes;
  }
  const Schedule schedule = PlanSchedule(graph.steps(), {1, 100 * kRowBytes});
  ExpectSound(graph, schedule);
  EXPECT_EQ(schedule.passes.size(), 4u);
}

TEST(ScheduleTest, BatchesAreComputedAsWholes) {
  Graph graph(201, 2);
  graph.Add({graph.Add({Step::kOfRuntime}, 3)}, 3);
  graph.step(1).leaves_region = true;
  const Schedule schedule = PlanSchedule(graph.steps(), {1, 100 * kRowBytes});
  ExpectSound(graph, schedule);
  EXPECT_EQ(schedule.passes.size(), 2u);
}

// Two branches of which only the first has several images.
TEST(ScheduleTest, BatchesBesideOthersAreComputedAsWholes) {
  Graph graph(201, 2);
  const int pair = graph.Add({graph.Add({Step::kOfRuntime}, 3)}, 3);
  graph.SetBatch(1);
  const int single = graph.Add({Step::kOfRuntime}, 3);
  graph.step(pair).leaves_region = graph.step(single).leaves_region = true;
  for (int rows : {100, 300, 500, 700, 900}) {
    const Schedule schedule =
        PlanSchedule(graph.steps(), {1, rows * kRowBytes});
    ExpectSound(graph, schedule);
    EXPECT_EQ(schedule.passes.size(), 3u) << rows;
  }
}

// Squeeze and excitation: an image times what its own mean becomes.
TEST(ScheduleTest, WhatAMeanReadsIsThereBeforeItsReaders) {
  Graph graph(201);
  const int image = graph.Add({Step::kOfRuntime}, 3);
  const int mean = graph.Add({image}, WindowOperator::kAllRows);
  const int gate = graph.Add({mean}, 1);
  const int product = graph.Add({image, gate}, 1);
  const int last = graph.Add({product}, 3);
  graph.step(last).leaves_region = true;
  for (int rows : {20, 100, 250, 500, 1000}) {
    SCOPED_TRACE(rows);
    const Schedule schedule =
        PlanSchedule(graph.steps(), {1, rows * kRowBytes});
    ExpectSound(graph, schedule);
    EXPECT_EQ(schedule.rows[image], 201);
    EXPECT_EQ(schedule.rows[gate], 1);
  }
}

TEST(ScheduleTest, BranchesKeepWhatTheirSlowestReaderNeeds) {
  Graph graph(201);
  const int first = graph.Add({Step::kOfRuntime}, 3);
  const int left = graph.Add({graph.Add({first}, 3)}, 3);
  const int sum = graph.Add({first, left}, 1);
  graph.step(sum).leaves_region = true;
  const Schedule schedule = PlanSchedule(graph.steps(), {1, 150 * kRowBytes});
  ExpectSound(graph, schedule);
  EXPECT_GT(schedule.passes.size(), 8u);
  EXPECT_GT(schedule.rows[first], schedule.rows[left]);
}

TEST(ScheduleTest, AnyGraphIsSound) {
  int waves = 0;
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto uniform = [&random](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(random);
    };
    Graph graph(uniform(1, 300));
    const int steps = uniform(1, 9);
    for (int step = 0; step < steps; ++step) {
      const int from = uniform(-1, step - 1);
      std::vector<int> producers = {from};
      // A second input, of the same height or one row.
      for (int other = 0; other < step; ++other) {
        if (from >= 0 && other != from && uniform(0, 2) == 0 &&
            (Height(graph.step(other)) == 1 ||
             Height(graph.step(other)) == Height(graph.step(from)))) {
          producers.push_back(other);
          break;
        }
      }
      const int window = uniform(0, 4) == 0   ? WindowOperator::kAllRows
                         : uniform(0, 2) == 0 ? 1
                                              : 3;
      graph.Add(producers, window, uniform(0, 3) == 0 ? uniform(2, 4) : 1,
                uniform(1, 4));
      graph.step(step).weight_bytes = uniform(0, 20) * kRowBytes;
      graph.step(step).leaves_region = uniform(0, 5) == 0;
    }
    const Schedule schedule = PlanSchedule(
        graph.steps(), {uniform(1, 3), uniform(1, 300) * kRowBytes});
    ExpectSound(graph, schedule);
    if (HasFailure()) return;
    waves += static_cast<int>(schedule.passes.size()) > steps;
  }
  EXPECT_GT(waves, 20);  // of the graphs are computed a few rows in turn
}

// Nor through all groups of many steps.
TEST(ScheduleTest, ManyLightStepsArePlannedInTime) {
  constexpr int kSteps = 200;
  for (int cache_rows : {50, 100, 200, 1000, 10000}) {
    SCOPED_TRACE(cache_rows);
    Graph graph(201);
    int last = graph.Add({Step::kOfRuntime}, 3);
    while (static_cast<int>(graph.steps().size()) < kSteps) {
      last = graph.Add({graph.Add({last}, 3), last}, 1);
    }
    graph.step(last).leaves_region = true;
    const Schedule schedule =
        PlanSchedule(graph.steps(), {1, cache_rows * kRowBytes});
    ExpectSound(graph, schedule);
    EXPECT_LT(graph.asked(), 200000 * kSteps);
  }
}

// Whatever fits: no search through all numbers of waves.
TEST(ScheduleTest, TallImagesArePlannedInTime) {
  constexpr int kHeight = 8000;
  Graph graph(kHeight);
  const int first = graph.Add({Step::kOfRuntime}, 3);
  graph.step(graph.Add({first}, 3)).leaves_region = true;
  const Schedule schedule = PlanSchedule(graph.steps(), {1, 1});
  ExpectSound(graph, schedule);
  EXPECT_LT(graph.asked(), 100 * kHeight);
}

}  // namespace
}  // namespace tf_pconv

#include "delegate/testing/float_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "delegate/core/reference.h"
#include "delegate/testing/guarded_buffer.h"
#include "gtest/gtest.h"

namespace tf_pconv {
namespace {

constexpr float kTolerance = 1e-5f;

float Largest(const std::vector<float>& values) {
  float largest = 0.0f;
  for (float value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  return largest;
}

}  // namespace

std::vector<float> RunFloat(PatternConv* conv, const ActivationShape& shape,
                            const std::vector<float>& input, ThreadPool* pool) {
  const Status status = conv->Resize(shape);
  EXPECT_TRUE(status.ok()) << status.message();
  if (!status.ok()) return {};
  const ActivationShape output = conv->output_shape();
  const size_t bytes = sizeof(float) * output.batch * output.height *
                       output.width * output.channels;
  const size_t workspace_bytes =
      conv->WorkspaceBytes(pool == nullptr ? 1 : pool->threads());
  GuardedBuffer guarded_input(input.size() * sizeof(float));
  GuardedBuffer guarded_output(bytes);
  GuardedBuffer workspace(workspace_bytes);
  std::memcpy(guarded_input.data(), input.data(), input.size() * sizeof(float));
  std::memset(guarded_output.data(), 0xff, bytes);
  std::memset(workspace.data(), 0xff, workspace_bytes);
  conv->Run(guarded_input.data(), guarded_output.data(), workspace.data(),
            pool);
  EXPECT_TRUE(guarded_output.FrontIntact());
  EXPECT_TRUE(workspace.FrontIntact());
  std::vector<float> result(bytes / sizeof(float));
  std::memcpy(result.data(), guarded_output.data(), bytes);
  return result;
}

void ExpectNearReference(const ConvDescription& description,
                         PatternConv* tested, const ActivationShape& shape,
                         const std::vector<float>& input, ThreadPool* pool) {
  ConvDescription linear = description;
  linear.activation = Activation::kNone;
  const float scale =
      Largest(RunFloat(CreateReferenceConv(linear).get(), shape, input));
  const std::vector<float> expected =
      RunFloat(CreateReferenceConv(description).get(), shape, input);
  const std::vector<float> actual = RunFloat(tested, shape, input, pool);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(expected[i]) && std::isnan(actual[i])) continue;
    if (expected[i] == actual[i]) continue;  // infinities too
    ASSERT_NEAR(actual[i], expected[i], kTolerance * scale)
        << "output " << i << " of " << expected.size() << ", kernel "
        << tested->kernel_name();
  }
}

}  // namespace tf_pconv

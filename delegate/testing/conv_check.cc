#include "delegate/testing/conv_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "delegate/core/reference.h"
#include "delegate/testing/guarded_buffer.h"

namespace tf_pconv {
namespace {

constexpr float kTolerance = 1e-5f;
constexpr uint8_t kUnwritten = 0xff;

template <typename Value>
std::vector<Value> ValuesOf(const TensorBytes& bytes) {
  std::vector<Value> values(bytes.size() / sizeof(Value));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

TensorBytes RunReference(const ConvDescription& description,
                         const ActivationShape& shape,
                         const TensorBytes& input) {
  return RunGuarded(description.type(), CreateReferenceConv(description).get(),
                    shape, input);
}

float LargestSum(const ConvDescription& description,
                 const ActivationShape& shape, const TensorBytes& input) {
  ConvDescription linear = description;
  linear.activation = Activation::kNone;
  float largest = 0.0f;
  for (float value : ValuesOf<float>(RunReference(linear, shape, input))) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  return largest;
}

void ExpectEqual(const std::vector<int8_t>& actual,
                 const std::vector<int8_t>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(actual[i], expected[i])
        << "output " << i << " of " << expected.size();
  }
}

void ExpectNear(const std::vector<float>& actual,
                const std::vector<float>& expected, float tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(expected[i]) && std::isnan(actual[i])) continue;
    if (expected[i] == actual[i]) continue;  // infinities too
    ASSERT_NEAR(actual[i], expected[i], tolerance)
        << "output " << i << " of " << expected.size();
  }
}

}  // namespace

TensorBytes RunGuarded(DataType type, PatternConv* conv,
                       const ActivationShape& shape, const TensorBytes& input,
                       ThreadPool* pool) {
  const Status status = conv->Resize({shape});
  EXPECT_TRUE(status.ok()) << status.message();
  if (!status.ok()) return {};
  const ActivationShape output = conv->output_shape();
  const size_t bytes = ElementBytes(type) * output.batch * output.height *
                       output.width * output.channels;
  const size_t workspace_bytes =
      conv->WorkspaceBytes(pool == nullptr ? 1 : pool->threads());
  GuardedBuffer guarded_input(input.size());
  GuardedBuffer guarded_output(bytes);
  GuardedBuffer workspace(workspace_bytes);
  std::copy(input.begin(), input.end(), guarded_input.data());
  std::memset(guarded_output.data(), kUnwritten, bytes);
  std::memset(workspace.data(), kUnwritten, workspace_bytes);
  conv->Run(guarded_input.data(), guarded_output.data(), workspace.data(),
            pool);
  EXPECT_TRUE(guarded_output.FrontIntact());
  EXPECT_TRUE(workspace.FrontIntact());
  return TensorBytes(guarded_output.data(), guarded_output.data() + bytes);
}

void ExpectLikeReference(const ConvDescription& description,
                         PatternConv* tested, const ActivationShape& shape,
                         const TensorBytes& input, ThreadPool* pool) {
  const DataType type = description.type();
  const TensorBytes expected = RunReference(description, shape, input);
  const TensorBytes actual = RunGuarded(type, tested, shape, input, pool);
  if (type == DataType::kInt8) {
    ExpectEqual(ValuesOf<int8_t>(actual), ValuesOf<int8_t>(expected));
  } else {
    ExpectNear(ValuesOf<float>(actual), ValuesOf<float>(expected),
               kTolerance * LargestSum(description, shape, input));
  }
}

}  // namespace tf_pconv

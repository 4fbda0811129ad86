#ifndef TF_PCONV_DELEGATE_TESTING_GUARDED_RUN_H_
#define TF_PCONV_DELEGATE_TESTING_GUARDED_RUN_H_

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "delegate/core/operator.h"
#include "delegate/testing/guarded_buffer.h"

namespace tf_pconv {

inline size_t ValuesOf(const ActivationShape& shape) {
  return size_t(shape.batch) * shape.height * shape.width * shape.channels;
}

// The output of a resized operator with one input, in buffers that end where an
// inaccessible page begins.
template <typename Value>
std::vector<Value> GuardedRun(const Operator& tested,
                              const std::vector<Value>& input) {
  const ActivationShape shape = tested.output_shape();
  std::vector<Value> values(ValuesOf(shape));
  const GuardedBuffer source(input.size() * sizeof(Value));
  const GuardedBuffer output(values.size() * sizeof(Value));
  const GuardedBuffer workspace(tested.WorkspaceBytes(1));
  memcpy(source.data(), input.data(), input.size() * sizeof(Value));
  const void* inputs[] = {source.data()};
  tested.RunRows(inputs, output.data(), {0, shape.height}, workspace.data(),
                 nullptr, nullptr);
  EXPECT_TRUE(output.FrontIntact());
  memcpy(values.data(), output.data(), values.size() * sizeof(Value));
  return values;
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_GUARDED_RUN_H_

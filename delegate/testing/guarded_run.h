#ifndef TF_PCONV_DELEGATE_TESTING_GUARDED_RUN_H_
#define TF_PCONV_DELEGATE_TESTING_GUARDED_RUN_H_

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "delegate/core/operator.h"
#include "delegate/testing/guarded_buffer.h"

namespace tf_pconv {

inline size_t ValuesOf(const ActivationShape& shape) {
  return size_t(shape.batch) * shape.height * shape.width * shape.channels;
}

// The output of a resized operator, in buffers that end where an inaccessible
// page begins.
template <typename Value>
std::vector<Value> GuardedRun(const Operator& tested,
                              const std::vector<std::vector<Value>>& inputs) {
  const ActivationShape shape = tested.output_shape();
  std::vector<std::unique_ptr<GuardedBuffer>> buffers;
  std::vector<const void*> pointers;
  for (const std::vector<Value>& input : inputs) {
    const size_t bytes = input.size() * sizeof(Value);
    buffers.push_back(std::make_unique<GuardedBuffer>(bytes));
    memcpy(buffers.back()->data(), input.data(), bytes);
    pointers.push_back(buffers.back()->data());
  }
  std::vector<Value> values(ValuesOf(shape));
  const GuardedBuffer output(values.size() * sizeof(Value));
  const GuardedBuffer workspace(tested.WorkspaceBytes(1));
  tested.RunRows(pointers.data(), output.data(), {0, shape.height},
                 workspace.data(), nullptr, nullptr);
  EXPECT_TRUE(output.FrontIntact());
  EXPECT_TRUE(workspace.FrontIntact());
  memcpy(values.data(), output.data(), values.size() * sizeof(Value));
  return values;
}

template <typename Value>
std::vector<Value> GuardedRun(const Operator& tested,
                              const std::vector<Value>& input) {
  return GuardedRun(tested, std::vector<std::vector<Value>>{input});
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_GUARDED_RUN_H_

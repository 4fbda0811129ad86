#ifndef TF_PCONV_DELEGATE_CORE_POOL_AVERAGE_H_
#define TF_PCONV_DELEGATE_CORE_POOL_AVERAGE_H_

// Averages of windows of any size.

#include <cstdint>

#include "delegate/core/output_stage.h"
#include "delegate/core/pool/kernel.h"

namespace tf_pconv {

// Sums of more pixels may not fit into 32 bits.
inline constexpr int kMaxAveragePixels = 1 << 23;

// int8 averages, rounded once, halves away from the zero point of the inputs;
// of more than 96x96 pixels nearly halves too.
class Int8Average {
 public:
  using Value = int8_t;

  // `ratio`: a unit of the input in units of the output.
  Int8Average(double ratio, int input_zero_point, int output_zero_point,
              Int8Range range, const PoolKernel& kernel);

  void Run(const PoolWindows<int8_t>& windows) const;

 private:
  const double ratio_;
  const int input_zero_point_;
  const PoolKernel& kernel_;
  Int8AveragePoolArgs args_ = {};  // what all calls have in common
};

// float32 averages. One of which an input is no number is none.
class FloatAverage {
 public:
  using Value = float;

  FloatAverage(FloatRange range, const PoolKernel& kernel);

  void Run(const PoolWindows<float>& windows) const;

 private:
  const PoolKernel& kernel_;
  FloatAveragePoolArgs args_ = {};
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POOL_AVERAGE_H_

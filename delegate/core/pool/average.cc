#include "delegate/core/pool/average.h"

namespace tf_pconv {
namespace {

// In halves of an output: more than float arithmetic may miss, so that halves
// are found, and less than any other average of up to 96x96 pixels is from one.
constexpr float kNudge = 0x1p-14f;

template <typename Value>
int PixelsOf(const PoolWindows<Value>& windows) {
  return static_cast<int>(windows.rows * windows.columns);
}

}  // namespace

Int8Average::Int8Average(double ratio, int input_zero_point,
                         int output_zero_point, Int8Range range,
                         const PoolKernel& kernel)
    : ratio_(ratio), input_zero_point_(input_zero_point), kernel_(kernel) {
  args_.offset = kNudge;
  args_.center = static_cast<int16_t>(2 * output_zero_point + 1);
  args_.min = range.min;
  args_.max = range.max;
}

void Int8Average::Run(const PoolWindows<int8_t>& windows) const {
  const int pixels = PixelsOf(windows);
  Int8AveragePoolArgs args = args_;
  args.windows = windows;
  args.bias = -pixels * input_zero_point_;
  args.multiplier = static_cast<float>(2.0 * ratio_ / pixels);
  kernel_.average_int8(&args);
}

FloatAverage::FloatAverage(FloatRange range, const PoolKernel& kernel)
    : kernel_(kernel) {
  args_.min = range.min;
  args_.max = range.max;
}

void FloatAverage::Run(const PoolWindows<float>& windows) const {
  FloatAveragePoolArgs args = args_;
  args.windows = windows;
  args.multiplier = 1.0f / static_cast<float>(PixelsOf(windows));
  kernel_.average_float32(&args);
}

}  // namespace tf_pconv

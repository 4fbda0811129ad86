#include "delegate/core/depthwise/float_conv.h"

#include <algorithm>
#include <vector>

#include "delegate/core/depthwise/conv.h"
#include "delegate/core/depthwise/weights.h"
#include "delegate/core/geometry.h"
#include "delegate/core/output_stage.h"

namespace tf_pconv {
namespace {

// Kernels have the same stride in both directions where they compute several
// rows.
int RowsAtOnce(const ConvDescription& description,
               const FloatDepthwiseKernel& kernel) {
  return description.stride_height == description.stride_width ? kernel.rows
                                                               : 1;
}

// The weights, and the biases behind them.
std::vector<float> Parameters(const ConvDescription& description) {
  std::vector<float> parameters = description.depthwise->float_values;
  const size_t weights = parameters.size();
  const size_t channels = description.channels();
  parameters.resize(weights + channels, 0.0f);
  if (description.float_bias != nullptr) {
    std::copy_n(description.float_bias, channels, &parameters[weights]);
  }
  return parameters;
}

class FloatDepthwiseConv : public DepthwiseConv<float> {
 public:
  FloatDepthwiseConv(const ConvDescription& description,
                     const FloatDepthwiseKernel& kernel)
      : DepthwiseConv(description, 0.0f, RowsAtOnce(description, kernel)),
        kernel_(kernel),
        range_(ActivationRange(description.activation)),
        parameters_(Parameters(description)) {}

  const char* kernel_name() const override { return kernel_.name; }

 protected:
  void ComputeRows(const float* const* const* inputs, int rows,
                   float* outputs) const override {
    const int input_rows = (rows - 1) * geometry().stride_height + kernel_.side;
    FloatDepthwiseArgs args = {};
    std::copy_n(inputs, input_rows, args.rows);
    args.parameters = parameters_.data();
    args.channels = sizes().channels;
    args.outputs = outputs;
    args.width = geometry().output.width;
    args.min = range_.min;
    args.max = range_.max;
    kernel_.compute[rows - 1][geometry().stride_width - 1](&args);
  }

 private:
  const FloatDepthwiseKernel& kernel_;
  const FloatRange range_;
  const std::vector<float> parameters_;
};

}  // namespace

std::unique_ptr<PatternConv> CreateFloatDepthwiseConv(
    const ConvDescription& description, const FloatDepthwiseKernel& kernel) {
  return std::make_unique<FloatDepthwiseConv>(description, kernel);
}

}  // namespace tf_pconv

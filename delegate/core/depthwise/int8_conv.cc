#include "delegate/core/depthwise/int8_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "delegate/core/depthwise/conv.h"
#include "delegate/core/depthwise/stream.h"
#include "delegate/core/geometry.h"
#include "delegate/core/output_stage.h"

namespace tf_pconv {
namespace {

class Int8DepthwiseConv : public DepthwiseConv<int8_t> {
 public:
  Int8DepthwiseConv(const ConvDescription& description,
                    const DepthwiseKernel& kernel)
      : DepthwiseConv(description,
                      static_cast<int8_t>(description.input.zero_point),
                      /*unit=*/1),
        kernel_(kernel),
        stage_(MakeInt8OutputStage(description)),
        stream_(description, stage_, kernel) {}

  const char* kernel_name() const override { return kernel_.name; }

 protected:
  void ComputeRows(const int8_t* const* const* inputs, int,
                   int8_t* outputs) const override {
    DepthwiseRowArgs args = {};
    std::copy_n(inputs, kernel_.side, args.rows);
    args.pixel_bytes = sizes().channels;
    args.min = static_cast<int8_t>(stage_.min);
    args.max = static_cast<int8_t>(stage_.max);
    args.center = stage_.center();
    for (const DepthwiseBlock& block : stream_.blocks()) {
      ComputeBlock(block, outputs, &args);
    }
  }

 private:
  void ComputeBlock(const DepthwiseBlock& block, int8_t* outputs,
                    DepthwiseRowArgs* args) const {
    const size_t width = geometry().output.width;
    const size_t parts = size_t{1} << block.halvings;
    args->stream = stream_.data() + block.stream;
    args->channel = block.first_channel;
    args->outputs = outputs + block.first_channel;
    args->count = (width + parts - 1) / parts;
    for (size_t part = 0; part < parts; ++part) {
      args->parts[part] = std::min(part * args->count, width - args->count);
    }
    kernel_.row[block.halvings][geometry().stride_width - 1](args);
  }

  const DepthwiseKernel& kernel_;
  const Int8OutputStage stage_;
  const DepthwiseStream stream_;
};

}  // namespace

std::unique_ptr<PatternConv> CreateDepthwiseConv(
    const ConvDescription& description, const DepthwiseKernel& kernel) {
  return std::make_unique<Int8DepthwiseConv>(description, kernel);
}

}  // namespace tf_pconv

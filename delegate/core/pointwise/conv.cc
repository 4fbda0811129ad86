#include "delegate/core/pointwise/conv.h"

#include <cstdint>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/float/kernel_table.h"
#include "delegate/core/gemv/conv.h"
#include "delegate/core/gemv/kernel_table.h"
#include "delegate/core/geometry.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/pointwise/float_conv.h"
#include "delegate/core/pointwise/int8_conv.h"
#include "delegate/core/pointwise/kernel_table.h"

namespace tf_pconv {
namespace {

class ConvOfAnySize : public PatternConv {
 public:
  ConvOfAnySize(const ConvDescription& description, const ConvTuning& tuning)
      : weights_(*description.weights),
        description_(description),
        block_bytes_(tuning.block_bytes) {
    description_.weights = &weights_;
    const int filters = weights_.filters;
    if (description.float_bias != nullptr) {
      float_bias_.assign(description.float_bias,
                         description.float_bias + filters);
      description_.float_bias = float_bias_.data();
    }
    if (description.int32_bias != nullptr) {
      int32_bias_.assign(description.int32_bias,
                         description.int32_bias + filters);
      description_.int32_bias = int32_bias_.data();
    }
    conv_ = Make();
  }

  bool has_kernels() const { return conv_ != nullptr; }

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    Geometry geometry;
    const Status status =
        ComputeGeometry(WindowsOf(description_), inputs[0], &geometry);
    if (!status.ok()) return status;
    const ActivationShape& output = geometry.output;
    const bool few = int64_t{output.batch} * output.height * output.width <=
                     FewPixels(weights_.type);
    if (few != few_) {
      few_ = few;
      conv_.reset();
      conv_ = Make();
    }
    return conv_->Resize(inputs);
  }

  ActivationShape output_shape() const override {
    return conv_->output_shape();
  }

  size_t WorkspaceBytes(int threads) const override {
    return conv_->WorkspaceBytes(threads);
  }

  RowRange InputRows(int input, RowRange rows) const override {
    return conv_->InputRows(input, rows);
  }

  int row_unit() const override { return conv_->row_unit(); }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const override {
    conv_->RunRows(inputs, output, rows, workspace, pool, ticks);
  }

  const char* kernel_name() const override { return conv_->kernel_name(); }

 private:
  template <typename Kernel>
  std::vector<const Kernel*> Fastest(const Kernel* const* table) const {
    return FastestKernels(table, CpuFeatures(), weights_.group_size);
  }

  // Every instruction set with kernels of one kind has those of the other.
  std::unique_ptr<PatternConv> Make() const {
    const bool is_int8 = weights_.type == DataType::kInt8;
    if (few_) {
      const auto kernels =
          Fastest(is_int8 ? native::kGemvKernels : native::kFloatGemvKernels);
      if (kernels.empty()) return nullptr;
      return CreateGemvConv(description_, *kernels.front());
    }
    if (is_int8) {
      auto kernels = Fastest(native::kPointwiseKernels);
      if (kernels.empty()) return nullptr;
      return CreatePointwiseConv(description_, std::move(kernels));
    }
    auto kernels = Fastest(native::kFloatPointwiseKernels);
    if (kernels.empty()) return nullptr;
    ConvTuning tuning;
    tuning.block_bytes = block_bytes_;
    return CreateFloatPointwiseConv(description_, std::move(kernels), tuning);
  }

  const PatternWeights weights_;
  std::vector<float> float_bias_;
  std::vector<int32_t> int32_bias_;
  ConvDescription description_;  // points to these
  const int block_bytes_;
  // Few until the first Resize: packing for tiles takes longer.
  bool few_ = true;
  std::unique_ptr<PatternConv> conv_;
};

}  // namespace

std::unique_ptr<PatternConv> CreateConvOfAnySize(
    const ConvDescription& description, const ConvTuning& tuning) {
  auto conv = std::make_unique<ConvOfAnySize>(description, tuning);
  if (!conv->has_kernels()) return nullptr;
  return conv;
}

}  // namespace tf_pconv

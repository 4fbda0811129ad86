#ifndef TF_PCONV_DELEGATE_CORE_STEM_STREAM_H_
#define TF_PCONV_DELEGATE_CORE_STEM_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/aligned_bytes.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/stem/kernel.h"

namespace tf_pconv {

// Filters that a kernel computes at once.
struct StemBlock {
  const StemBlockKernel* kernel;
  size_t first_filter;
  size_t filters_before;  // of the blocks before it
};

// The blocks for that many filters, at least kStemLeastFilters: as wide as
// possible. The last may overlap the one before it.
std::vector<StemBlock> StemBlocks(const StemKernel& kernel, int filters);

// Steps of a row of a window.
size_t StemSteps(const StemWeights& weights, const StemKernel& kernel);

// Weights in the order in which a kernel reads them: block by block, and of
// each block rows of four bytes for each of its filters:
//
//   bias: int32, with the zero point folded in; or float32
//   multiplier and offset, float32 (int8 only)
//   for each row of a window, for each step, the weights of its inputs; 0
//     behind the last input
class StemStream {
 public:
  // `stage` is null for float32.
  StemStream(const ConvDescription& description, const Int8OutputStage* stage,
             const StemKernel& kernel);

  const std::vector<StemBlock>& blocks() const { return blocks_; }
  const uint8_t* Of(const StemBlock& block) const {
    return memory_.data() + block.filters_before * rows_ * kStemStepBytes;
  }

 private:
  const std::vector<StemBlock> blocks_;
  const size_t rows_;  // of each block
  AlignedBytes memory_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_STEM_STREAM_H_

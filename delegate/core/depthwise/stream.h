#ifndef TF_PCONV_DELEGATE_CORE_DEPTHWISE_STREAM_H_
#define TF_PCONV_DELEGATE_CORE_DEPTHWISE_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/aligned_bytes.h"
#include "delegate/core/depthwise/kernel.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// Channels that a kernel computes at once.
struct DepthwiseBlock {
  size_t first_channel;
  int halvings;   // of the kernel's channels; the block has 2^halvings parts
  size_t stream;  // where its weights begin, in bytes
};

// Weights in the order in which a kernel of depthwise convolutions reads them:
// block by block, and of each block these vectors, each of them four times,
// because an int8 vector becomes four of sums:
//
//   weights of each dot product, four bytes a sum; with wide products eight
//     bytes in two vectors, 16 bits for the first and the third, then for the
//     second and the fourth
//   bias, int32, with the zero point folded in
//   multiplier, float32
//   offset, float32
//
// Dot products take the columns of the window from left to right: their three
// rows and 0, of 5x5 windows their first four rows; then the fifth row: 0, 0, 0
// and its first weight, then its other four.
//
// Sum i of vector v is that of channel i / 4 * 16 + 4 * v + i % 4; in blocks of
// several parts, channels repeat for each of them.
class DepthwiseStream {
 public:
  // Of at least kDepthwiseLeastChannels channels. Blocks cover all of them; the
  // last may overlap the one before it.
  DepthwiseStream(const ConvDescription& description,
                  const Int8OutputStage& stage, const DepthwiseKernel& kernel);

  const std::vector<DepthwiseBlock>& blocks() const { return blocks_; }
  const uint8_t* data() const { return memory_.data(); }

 private:
  std::vector<DepthwiseBlock> blocks_;
  AlignedBytes memory_;
};

// The blocks for that many channels: as wide as possible.
std::vector<DepthwiseBlock> DepthwiseBlocks(const DepthwiseKernel& kernel,
                                            int channels);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DEPTHWISE_STREAM_H_

#include "delegate/core/depthwise/stream.h"

#include <array>
#include <cstring>

#include "delegate/core/depthwise/weights.h"

namespace tf_pconv {
namespace {

constexpr int kLaneChannels = 16;
constexpr int kSumVectors = 4;   // of an int8 vector
constexpr int kSumBytes = 4;     // a sum, or four weights
constexpr int kLastVectors = 3;  // bias, multiplier and offset

// The taps of the four inputs of a dot product.
constexpr int kStepTaps = 4;
constexpr int kNoTap = -1;
using Step = std::array<int, kStepTaps>;

// The dot products of a window, in the order in which their weights lie.
std::vector<Step> Steps(int side) {
  std::vector<Step> steps;
  for (int column = 0; column < side; ++column) {
    Step step;
    for (int row = 0; row < kStepTaps; ++row) {
      step[row] = row < side ? row * side + column : kNoTap;
    }
    steps.push_back(step);
  }
  if (side > kStepTaps) {
    const int last = kStepTaps * side;
    steps.push_back({kNoTap, kNoTap, kNoTap, last});
    steps.push_back({last + 1, last + 2, last + 3, last + 4});
  }
  return steps;
}

// Writes the parameters of one channel after another to their places in the
// vectors of a block.
class BlockWriter {
 public:
  BlockWriter(const ConvDescription& description, const Int8OutputStage& stage,
              const DepthwiseKernel& kernel, uint8_t* block)
      : description_(description),
        weights_(*description.depthwise),
        stage_(stage),
        kernel_(kernel),
        steps_(Steps(kernel.side)),
        block_(block) {}

  // Sum `place` of the block, counted over all four vectors of sums.
  void Write(int channel, int vector, int place) {
    const int zero = description_.input.zero_point + kernel_.input_offset;
    uint32_t bias = description_.int32_bias == nullptr
                        ? 0
                        : description_.int32_bias[channel];
    int row_of_vectors = 0;
    for (const Step& step : steps_) {
      int8_t weights[kStepTaps] = {};
      for (int i = 0; i < kStepTaps; ++i) {
        if (step[i] == kNoTap) continue;
        weights[i] =
            weights_.int8_values[step[i] * weights_.channels + channel];
        bias -= static_cast<uint32_t>(weights[i] * zero);
      }
      if (kernel_.wide_products) {
        const int16_t even[] = {weights[0], weights[2]};
        const int16_t odd[] = {weights[1], weights[3]};
        Put(even, row_of_vectors++, vector, place);
        Put(odd, row_of_vectors++, vector, place);
      } else {
        Put(weights, row_of_vectors++, vector, place);
      }
    }
    Put(&bias, row_of_vectors++, vector, place);
    Put(&stage_.multipliers[channel], row_of_vectors++, vector, place);
    Put(&stage_.offsets[channel], row_of_vectors++, vector, place);
  }

 private:
  void Put(const void* value, int row_of_vectors, int vector, int place) {
    const int vectors = row_of_vectors * kSumVectors + vector;
    std::memcpy(block_ + vectors * kernel_.channels + place * kSumBytes, value,
                kSumBytes);
  }

  const ConvDescription& description_;
  const DepthwiseWeights& weights_;
  const Int8OutputStage& stage_;
  const DepthwiseKernel& kernel_;
  const std::vector<Step> steps_;
  uint8_t* const block_;
};

size_t BlockBytes(const DepthwiseKernel& kernel) {
  const size_t weights =
      Steps(kernel.side).size() * (kernel.wide_products ? 2 : 1);
  return (weights + kLastVectors) * kSumVectors * kernel.channels;
}

}  // namespace

std::vector<DepthwiseBlock> DepthwiseBlocks(const DepthwiseKernel& kernel,
                                            int channels) {
  std::vector<DepthwiseBlock> blocks;
  const auto add = [&](int first, int halvings) {
    blocks.push_back({static_cast<size_t>(first), halvings,
                      blocks.size() * BlockBytes(kernel)});
  };
  int first = 0;
  int halvings = 0;
  for (int width = kernel.channels; width >= kDepthwiseLeastChannels;
       width /= 2) {
    for (; first + width <= channels; first += width) add(first, halvings);
    ++halvings;
  }
  if (first < channels) add(channels - kDepthwiseLeastChannels, halvings - 1);
  return blocks;
}

DepthwiseStream::DepthwiseStream(const ConvDescription& description,
                                 const Int8OutputStage& stage,
                                 const DepthwiseKernel& kernel)
    : blocks_(DepthwiseBlocks(kernel, description.depthwise->channels)),
      memory_(blocks_.size() * BlockBytes(kernel)) {
  for (const DepthwiseBlock& block : blocks_) {
    BlockWriter writer(description, stage, kernel,
                       memory_.data() + block.stream);
    const int lanes = kernel.channels / kLaneChannels;
    for (int lane = 0; lane < lanes; ++lane) {
      const int channel_lane = lane % (lanes >> block.halvings);
      for (int i = 0; i < kLaneChannels; ++i) {
        const size_t channel =
            block.first_channel + channel_lane * kLaneChannels + i;
        writer.Write(static_cast<int>(channel), i / 4, lane * 4 + i % 4);
      }
    }
  }
}

}  // namespace tf_pconv

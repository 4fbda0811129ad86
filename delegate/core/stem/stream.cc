#include "delegate/core/stem/stream.h"

#include <algorithm>
#include <cstring>

#include "delegate/core/stem/weights.h"

namespace tf_pconv {
namespace {

// Writes what belongs to one filter, from the first row to the last.
class FilterWriter {
 public:
  // `place` is that of the filter in the first row, of a block of so many.
  FilterWriter(uint8_t* place, int filters)
      : place_(place), row_bytes_(size_t{kStemStepBytes} * filters) {}

  template <typename Word>
  void Put(const Word& word) {
    static_assert(sizeof(Word) == kStemStepBytes, "one word for each filter");
    std::memcpy(place_, &word, sizeof(word));
    place_ += row_bytes_;
  }

  // The weights of a filter, as `Input` of the kernel.
  template <typename Input, typename Value>
  void PutWeights(const StemWeights& weights, const Value* values) {
    constexpr int kInputs = kStemStepBytes / sizeof(Input);
    const int row = weights.kernel_width * weights.channels;
    for (int y = 0; y < weights.kernel_height; ++y) {
      for (int begin = 0; begin < row; begin += kInputs) {
        Input step[kInputs] = {};
        std::copy_n(values + begin, std::min(kInputs, row - begin), step);
        Put(step);
      }
      values += row;
    }
  }

 private:
  uint8_t* place_;
  const size_t row_bytes_;
};

void WriteFloatFilter(const ConvDescription& description, int filter,
                      FilterWriter writer) {
  const StemWeights& weights = *description.stem;
  writer.Put(description.float_bias == nullptr
                 ? 0.0f
                 : description.float_bias[filter]);
  writer.PutWeights<float>(
      weights, &weights.float_values[filter * weights.FilterValues()]);
}

void WriteInt8Filter(const ConvDescription& description,
                     const Int8OutputStage& stage, const StemKernel& kernel,
                     int filter, FilterWriter writer) {
  const StemWeights& weights = *description.stem;
  const int8_t* values = &weights.int8_values[filter * weights.FilterValues()];
  const int zero = description.input.zero_point + kernel.input_offset;
  uint32_t bias =
      description.int32_bias == nullptr ? 0 : description.int32_bias[filter];
  for (size_t i = 0; i < weights.FilterValues(); ++i) {
    bias -= static_cast<uint32_t>(values[i] * zero);
  }
  writer.Put(bias);
  writer.Put(stage.multipliers[filter]);
  writer.Put(stage.offsets[filter]);
  if (kernel.input_bytes == 1) {
    writer.PutWeights<int8_t>(weights, values);
  } else {
    writer.PutWeights<int16_t>(weights, values);
  }
}

size_t Rows(const StemWeights& weights, const StemKernel& kernel) {
  return (weights.type == DataType::kInt8 ? 3 : 1) +
         weights.kernel_height * StemSteps(weights, kernel);
}

size_t FiltersOf(const std::vector<StemBlock>& blocks) {
  return blocks.back().filters_before + blocks.back().kernel->filters;
}

}  // namespace

std::vector<StemBlock> StemBlocks(const StemKernel& kernel, int filters) {
  std::vector<StemBlock> blocks;
  size_t before = 0;
  const size_t all = filters;
  const StemBlockKernel* narrowest = nullptr;
  for (const StemBlockKernel& block : kernel.blocks) {
    if (block.row == nullptr) break;
    for (; before + block.filters <= all; before += block.filters) {
      blocks.push_back({&block, before, before});
    }
    narrowest = &block;
  }
  if (before < all) {
    blocks.push_back({narrowest, all - narrowest->filters, before});
  }
  return blocks;
}

size_t StemSteps(const StemWeights& weights, const StemKernel& kernel) {
  const size_t inputs = kStemStepBytes / kernel.input_bytes;
  return (weights.kernel_width * weights.channels + inputs - 1) / inputs;
}

StemStream::StemStream(const ConvDescription& description,
                       const Int8OutputStage* stage, const StemKernel& kernel)
    : blocks_(StemBlocks(kernel, description.filters())),
      rows_(Rows(*description.stem, kernel)),
      memory_(FiltersOf(blocks_) * rows_ * kStemStepBytes) {
  for (const StemBlock& block : blocks_) {
    const int filters = block.kernel->filters;
    uint8_t* first =
        memory_.data() + block.filters_before * rows_ * kStemStepBytes;
    for (int i = 0; i < filters; ++i) {
      const int filter = static_cast<int>(block.first_filter) + i;
      const FilterWriter writer(first + i * kStemStepBytes, filters);
      if (stage == nullptr) {
        WriteFloatFilter(description, filter, writer);
      } else {
        WriteInt8Filter(description, *stage, kernel, filter, writer);
      }
    }
  }
}

}  // namespace tf_pconv

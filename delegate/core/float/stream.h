#ifndef TF_PCONV_DELEGATE_CORE_FLOAT_STREAM_H_
#define TF_PCONV_DELEGATE_CORE_FLOAT_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/float/tiling.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// Weights in the order in which a float32 kernel reads them: block of channels
// by block, and in it unit by unit. A unit is kernel.group_size filters of one
// filter group (the last of a group filled with zeros). Words of a unit:
//
//   1               how many taps
//   taps * (1 + filters)     offset, the weight of each filter
//
// and for kernels with a pitch:
//
//   6               for each column of taps: how many pairs, how many singles
//   for each column:
//     pairs * 3     offset of the upper tap, its weight, that of the one below
//     singles * (1 + filters)   offset, the weight of each filter
//
// Only units of one filter have pairs.
//
// Offsets are floats from the tile's first lane in the block's first plane;
// weights are float32.
struct FloatStream {
  struct Block {
    int first_channel;
    std::vector<size_t> unit_begin;  // index into `words` of each unit
  };

  int units = 0;  // of each block
  std::vector<Block> blocks;
  std::vector<uint32_t> words;
  // Row of sums of each output channel.
  std::vector<uint32_t> rows;
};

FloatStream PackFloatStream(const PatternWeights& weights,
                            const FloatTiling& tiling);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_FLOAT_STREAM_H_

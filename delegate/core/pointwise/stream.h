#ifndef TF_PCONV_DELEGATE_CORE_POINTWISE_STREAM_H_
#define TF_PCONV_DELEGATE_CORE_POINTWISE_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/output_stage.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/pointwise/kernel.h"

namespace tf_pconv {

// Weights in the order in which a kernel of 1x1 convolutions reads them: filter
// group by filter group (of kernel.group_size filters; the file's groups are
// cut to that, the last filled with zeros). The channels of a group come in
// quads, the last filled up with weights of zero:
//
//   word                     meaning
//   0                        pairs: how many pairs of quads follow
//   1                        singles: how many quads follow the pairs
//   one each filter          bias, int32, with the zero point folded in
//   one each filter          multiplier, float32
//   one each filter          offset, float32
//   one each filter          output row
//   pairs * (8 + 2 a filter) both quads, then for each filter the weights of
//                            both
//   singles * (4 + 1 a f.)   the quad, then the weights of each filter
//
// A quad is the byte offset of each of its planes; weights are four int8.
struct PointwiseStream {
  int groups = 0;
  std::vector<uint32_t> words;
  std::vector<size_t> group_begin;  // index into `words` of each group
  int rows =
      0;  // of outputs: of the filters, then of those that fill up groups
};

PointwiseStream PackPointwiseStream(const ConvDescription& description,
                                    const Int8OutputStage& stage,
                                    const PointwiseKernel& kernel);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POINTWISE_STREAM_H_

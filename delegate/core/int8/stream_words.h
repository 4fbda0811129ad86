#ifndef TF_PCONV_DELEGATE_CORE_INT8_STREAM_WORDS_H_
#define TF_PCONV_DELEGATE_CORE_INT8_STREAM_WORDS_H_

#include <cstdint>
#include <vector>

#include "delegate/core/int8/pairing.h"
#include "delegate/core/output_stage.h"

namespace tf_pconv {

// Words that streams of 3x3 and of 1x1 kernels share.

// Appends what finishes the sums of a group: the bias of each filter, then its
// multiplier, then its offset; zeros for filters that fill up the group.
void AppendStage(const Int8OutputStage& stage, const std::vector<int>& filters,
                 const std::vector<uint32_t>& bias, int group_size,
                 std::vector<uint32_t>* words);

// The four weights of a filter as the dot product reads them.
uint32_t WeightWord(const Int8Quad& weights);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_INT8_STREAM_WORDS_H_

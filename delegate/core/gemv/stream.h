#ifndef TF_PCONV_DELEGATE_CORE_GEMV_STREAM_H_
#define TF_PCONV_DELEGATE_CORE_GEMV_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/aligned_bytes.h"
#include "delegate/core/gemv/kernel.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// Weights in the order in which a kernel of matrix-vector products reads them,
// filter group by filter group (of kernel.group_size filters; the file's groups
// are cut to that, the last filled with zeros). Each group has two parts that
// begin at cache lines:
//
//   places   which channels it keeps, ascending: a bit for each channel where
//            the kernel compresses, else a uint16 for each that is kept
//   weights  for each step, for each filter, a vector of weights; zeros fill up
//            the last step
class GemvStream {
 public:
  struct Group {
    size_t places;   // bytes before it
    size_t weights;  // the same
    int kept;        // channels
    int steps;
  };

  GemvStream(const PatternWeights& weights, const GemvKernel& kernel);

  const std::vector<Group>& groups() const { return groups_; }
  const uint8_t* at(size_t offset) const { return bytes_.data() + offset; }
  // Output channel of each filter of each group; -1 where one fills up a group.
  const std::vector<int>& filters() const { return filters_; }
  int most_steps() const { return most_steps_; }

 private:
  struct Kept {
    int channel;
    size_t value;  // place of the weights of all its filters
  };

  // Says where all groups lie; returns their bytes.
  size_t Place(const PatternWeights& weights, const GemvKernel& kernel);
  void Fill(const PatternWeights& weights, const GemvKernel& kernel,
            const std::vector<Kept>& kept, int first, int filters,
            const Group& group);

  std::vector<Group> groups_;
  std::vector<int> filters_;
  int most_steps_ = 0;
  AlignedBytes bytes_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_GEMV_STREAM_H_

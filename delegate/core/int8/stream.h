#ifndef TF_PCONV_DELEGATE_CORE_INT8_STREAM_H_
#define TF_PCONV_DELEGATE_CORE_INT8_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/int8/kernel.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// Weights in the order in which an int8 kernel reads them: block of channels by
// block, and in it filter group by filter group (of kernel.group_size filters;
// the file's groups are cut to that, the last filled with zeros), each block in
// an order of its own:
//
//   word                     meaning
//   0                        pairs: how many pairs of entries follow
//   1                        singles: how many entries follow the pairs
//   2                        the group, which is the place of its sums: in the
//                            first block they follow each other
//   one each filter          bias, int32, with the zero point folded in
//   one each filter          multiplier, float32
//   one each filter          offset, float32
//   one each filter          output row
//   pairs * (2 + 2 a filter) both entries, then for each filter the weights of
//                            both
//   singles * (1 + 1 a f.)   the entry, then the weights of each filter
//
// An entry is the channel within its block (low half) and the byte offset of
// its shuffle (high half), where shuffles of four outputs follow each other;
// weights are four int8 in the order of the shuffle. So the stream is the same
// for kernels that differ in their tiles and blocks of outputs.
struct Int8Stream {
  struct Group {
    int position;  // in the block
    size_t begin;  // index into `words`
  };

  struct Block {
    // Calls visit(begin, groups) for the words of groups that follow each
    // other, of those among `count` groups from `first` on.
    template <typename Visit>
    void ForEachRun(int first, int count, Visit visit) const {
      if (count == static_cast<int>(groups.size())) {
        visit(begin, count);
        return;
      }
      for (auto group = groups.begin() + first; count > 0;) {
        int run = 1;
        while (run < count && group[run].position == group->position + run) {
          ++run;
        }
        visit(group->begin, run);
        group += run;
        count -= run;
      }
    }

    int first_channel;
    int channels;
    size_t begin;               // index into `words`
    std::vector<Group> groups;  // in the order of their sums
  };

  int groups = 0;      // of each block
  size_t entries = 0;  // of all groups
  int rows =
      0;  // of outputs: of the filters, then of those that fill up groups
  std::vector<Block> blocks;
  std::vector<uint32_t> words;
};

// Cuts the channels into blocks of at most `block_channels`.
Int8Stream PackInt8Stream(const ConvDescription& description,
                          const Int8OutputStage& stage,
                          const Int8Kernel& kernel, int block_channels);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_INT8_STREAM_H_

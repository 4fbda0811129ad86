#ifndef TF_PCONV_DELEGATE_CORE_DEPTHWISE_CONV_H_
#define TF_PCONV_DELEGATE_CORE_DEPTHWISE_CONV_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/depthwise/window_rows.h"
#include "delegate/core/geometry.h"
#include "delegate/core/phases.h"
#include "delegate/core/row_task.h"
#include "delegate/core/window_operator.h"

namespace tf_pconv {

// What depthwise convolutions of both types do alike: they find the pixels of
// windows, and compute a few rows of outputs at once.
template <typename Value>
class DepthwiseConv : public WindowConv {
 public:
  // `zero` is what the padding has in all channels; `unit` how many rows are
  // computed at once.
  DepthwiseConv(const ConvDescription& description, Value zero, int unit)
      : WindowConv(description), unit_(unit), zeros_(sizes().channels, zero) {}

  size_t WorkspaceBytes(int threads) const override {
    return ThreadBytes() * threads;
  }

  int row_unit() const override { return unit_; }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const override {
    const ActivationShape& shape = geometry().output;
    RunShares(pool, RowsOf(shape, rows, unit_), [&](const auto& share) {
      PhaseClock clock(ticks);
      WindowRows<Value> windows(
          geometry(), unit_, static_cast<const Value*>(inputs[0]),
          zeros_.data(),
          static_cast<uint8_t*>(workspace) + ThreadBytes() * share.thread());
      TakeRows(share, rows, unit_, [&](int image, RowRange taken) {
        const Value* const* const* pixels = windows.Find(image, taken);
        clock.End(Phase::kPack);
        ComputeRows(pixels, taken.end - taken.begin,
                    static_cast<Value*>(output) +
                        (ptrdiff_t{image} * shape.height + taken.begin) *
                            shape.width * shape.channels);
        clock.End(Phase::kMultiply);
      });
    });
  }

 protected:
  // Computes rows of outputs that follow each other, at most `unit`. `inputs`
  // are the pixels of each input row of their windows, from the first on.
  virtual void ComputeRows(const Value* const* const* inputs, int rows,
                           Value* outputs) const = 0;

 private:
  size_t ThreadBytes() const {
    return AlignUp(WindowRows<Value>::Bytes(geometry(), unit_));
  }

  const int unit_;
  const std::vector<Value> zeros_;  // a pixel of the padding
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DEPTHWISE_CONV_H_

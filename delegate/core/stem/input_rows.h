#ifndef TF_PCONV_DELEGATE_CORE_STEM_INPUT_ROWS_H_
#define TF_PCONV_DELEGATE_CORE_STEM_INPUT_ROWS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "delegate/core/alignment.h"
#include "delegate/core/geometry.h"
#include "delegate/core/stem/kernel.h"

namespace tf_pconv {

// The input rows of the windows of a row of outputs, as kernels read them: the
// padding included, each `Value` as an `Input`. Windows below each other share
// rows, which are made once.
template <typename Value, typename Input>
class StemInputRows {
 public:
  // Memory for rows of `count` inputs, those of the padding and those behind
  // the image included.
  static size_t Bytes(const Geometry& geometry, size_t count) {
    return PointerBytes(geometry) + RowBytes(count) * geometry.window_height;
  }

  // `zero` is what the padding has in all channels.
  StemInputRows(const Geometry& geometry, size_t count,
                const StemKernel& kernel, const Value* input, Value zero,
                void* memory)
      : geometry_(geometry),
        count_(count),
        kernel_(kernel),
        input_(input),
        zero_(static_cast<Input>(zero + kernel.input_offset)),
        rows_(static_cast<const uint8_t**>(memory)),
        memory_(static_cast<uint8_t*>(memory) + PointerBytes(geometry)) {}

  // The rows of the windows of output row y, until it is called again.
  const uint8_t* const* Find(int image, int y) {
    const int top = y * geometry_.stride_height - geometry_.pad_top;
    if (image != image_ || top < top_) made_ = top;
    image_ = image;
    top_ = top;
    made_ = std::max(made_, top);
    for (; made_ < top + geometry_.window_height; ++made_) MakeRow(made_);
    for (int i = 0; i < geometry_.window_height; ++i) {
      rows_[i] = MemoryOf(top + i);
    }
    return rows_;
  }

 private:
  static size_t PointerBytes(const Geometry& geometry) {
    return AlignUp(geometry.window_height * sizeof(const uint8_t*));
  }
  static size_t RowBytes(size_t count) {
    return AlignUp(count * sizeof(Input));
  }

  uint8_t* MemoryOf(int row) const {
    return memory_ + (row + geometry_.pad_top) % geometry_.window_height *
                         RowBytes(count_);
  }

  void MakeRow(int row) {
    const ActivationShape& shape = geometry_.input;
    Input* inputs = reinterpret_cast<Input*>(MemoryOf(row));
    Input* const end = inputs + count_;
    if (row >= 0 && row < shape.height) {
      const size_t left = size_t(geometry_.pad_left) * shape.channels;
      const size_t width = size_t(shape.width) * shape.channels;
      const Value* values =
          input_ + (ptrdiff_t{image_} * shape.height + row) * width;
      const size_t copied = std::min(width, count_ - left);
      inputs = std::fill_n(inputs, left, zero_);
      kernel_.convert(values, copied, inputs);
      inputs += copied;
    }
    std::fill(inputs, end, zero_);
  }

  const Geometry& geometry_;
  const size_t count_;
  const StemKernel& kernel_;
  const Value* const input_;
  const Input zero_;
  const uint8_t** const rows_;
  uint8_t* const memory_;
  int image_ = -1;
  int top_ = 0;
  int made_ = 0;  // the row behind the last that was made
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_STEM_INPUT_ROWS_H_

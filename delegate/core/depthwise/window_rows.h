#ifndef TF_PCONV_DELEGATE_CORE_DEPTHWISE_WINDOW_ROWS_H_
#define TF_PCONV_DELEGATE_CORE_DEPTHWISE_WINDOW_ROWS_H_

#include <algorithm>
#include <array>
#include <cstddef>

#include "delegate/core/depthwise/kernel.h"
#include "delegate/core/geometry.h"
#include "delegate/core/operator.h"

namespace tf_pconv {

// The pixels of the input rows that windows of a few rows of outputs cover.
// Windows below each other share rows, which are found once.
template <typename Value>
class WindowRows {
 public:
  // Memory that it needs for `unit` rows of outputs at once.
  static size_t Bytes(const Geometry& geometry, int unit) {
    return Columns(geometry) * Rows(geometry, unit) * sizeof(const Value*);
  }

  // `zeros` is a pixel of the padding.
  WindowRows(const Geometry& geometry, int unit, const Value* input,
             const Value* zeros, void* memory)
      : geometry_(geometry),
        ring_(Rows(geometry, unit)),
        input_(input),
        zeros_(zeros),
        pixels_(static_cast<const Value**>(memory)) {}

  // The pixels of each input row from the first on, those of the padding
  // included, until it is called again.
  const Value* const* const* Find(int image, RowRange outputs) {
    const int top = outputs.begin * geometry_.stride_height - geometry_.pad_top;
    if (image != image_ || top < top_) found_ = top;
    image_ = image;
    top_ = top;
    const int rows = Rows(geometry_, outputs.end - outputs.begin);
    found_ = std::max(found_, top);
    for (; found_ < top + rows; ++found_) FindRow(found_);
    for (int i = 0; i < rows; ++i) rows_[i] = PixelsOf(top + i);
    return rows_.data();
  }

 private:
  // Input rows and columns that windows cover.
  static int Rows(const Geometry& geometry, int outputs) {
    return (outputs - 1) * geometry.stride_height + geometry.window_height;
  }
  static size_t Columns(const Geometry& geometry) {
    return size_t(geometry.output.width - 1) * geometry.stride_width +
           geometry.window_height;  // windows are square
  }

  const Value** PixelsOf(int row) const {
    return pixels_ + (row + geometry_.pad_top) % ring_ * Columns(geometry_);
  }

  void FindRow(int row) {
    const ActivationShape& shape = geometry_.input;
    const ptrdiff_t columns = Columns(geometry_);
    const Value** pixels = PixelsOf(row);
    if (row < 0 || row >= shape.height) {
      std::fill_n(pixels, columns, zeros_);
      return;
    }
    const Value* pixel = input_ + (ptrdiff_t{image_} * shape.height + row) *
                                      shape.width * shape.channels;
    const ptrdiff_t left = geometry_.pad_left;
    const ptrdiff_t right = std::min<ptrdiff_t>(left + shape.width, columns);
    std::fill_n(pixels, left, zeros_);
    for (ptrdiff_t i = left; i < right; ++i) {
      pixels[i] = pixel;
      pixel += shape.channels;
    }
    std::fill(pixels + right, pixels + columns, zeros_);
  }

  const Geometry& geometry_;
  const int ring_;  // rows that are kept
  const Value* const input_;
  const Value* const zeros_;
  const Value** const pixels_;
  std::array<const Value* const*, kFloatDepthwiseInputRows> rows_ = {};
  // Of the last windows.
  int image_ = -1;
  int top_ = 0;
  int found_ = 0;  // the first row that has not been found
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_DEPTHWISE_WINDOW_ROWS_H_

#ifndef TF_PCONV_DELEGATE_CORE_POINTWISE_PIXELS_H_
#define TF_PCONV_DELEGATE_CORE_POINTWISE_PIXELS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "delegate/core/geometry.h"

namespace tf_pconv {

// Goes through consecutive outputs of a range of rows of a 1x1 convolution, and
// their inputs.
template <typename Value>
class PixelCursor {
 public:
  PixelCursor(const Geometry& geometry, RowRange rows, const Value* input,
              Value* output, int64_t pixel)
      : geometry_(geometry),
        rows_(rows),
        first_input_(input),
        first_output_(output),
        input_step_(ptrdiff_t{geometry.stride_width} * geometry.input.channels),
        row_(pixel / geometry.output.width),
        column_(static_cast<int>(pixel % geometry.output.width)) {
    FindRow();
    input_ += column_ * input_step_;
    output_ += ptrdiff_t{column_} * geometry.output.channels;
  }

  const Value* input() const { return input_; }
  Value* output() const { return output_; }

  void Next() {
    input_ += input_step_;
    output_ += geometry_.output.channels;
    if (++column_ < geometry_.output.width) return;
    column_ = 0;
    ++row_;
    FindRow();
  }

 private:
  void FindRow() {
    const int height = rows_.end - rows_.begin;
    const int64_t image = row_ / height;
    const int64_t y = rows_.begin + row_ % height;
    const ActivationShape& in = geometry_.input;
    const ActivationShape& out = geometry_.output;
    input_ = first_input_ + (image * in.height + y * geometry_.stride_height) *
                                in.width * in.channels;
    output_ =
        first_output_ + (image * out.height + y) * out.width * out.channels;
  }

  const Geometry& geometry_;
  const RowRange rows_;
  const Value* const first_input_;
  Value* const first_output_;
  const ptrdiff_t input_step_;  // from a pixel to the next
  int64_t row_;                 // in the ranges of all images
  int column_;
  const Value* input_ = nullptr;
  Value* output_ = nullptr;
};

// Index of the kernel with the smallest tile that holds `pixels` pixels, or the
// largest there is from `first` on. `kernels` differ in their tiles; the
// largest comes first.
template <typename Kernel>
size_t TileKernel(const std::vector<const Kernel*>& kernels, int64_t pixels,
                  size_t first = 0) {
  size_t chosen = first;
  for (size_t i = first + 1; i < kernels.size(); ++i) {
    if (kernels[i]->pixels >= pixels) chosen = i;
  }
  return chosen;
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_POINTWISE_PIXELS_H_

#include "delegate/core/geometry.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tf_pconv {
namespace {

// Output size of one dimension, and the padding before it.
int OutputSize(Padding padding, int kernel, int size, int stride,
               int* pad_before) {
  *pad_before = 0;
  if (padding == Padding::kValid) {
    return size < kernel ? 0 : (size - kernel) / stride + 1;
  }
  const int output = (size - 1) / stride + 1;
  // 64 bits: the last window of the largest image ends past INT_MAX.
  const int64_t end = int64_t{output - 1} * stride + kernel;
  *pad_before = static_cast<int>(std::max<int64_t>(end - size, 0) / 2);
  return output;
}

}  // namespace

bool IsAddressable(const ActivationShape& shape) {
  // Rows and columns are int, also those of windows that reach past the edges
  // and those of a few rows packed behind each other.
  constexpr int kMaxPixels = 1 << 28;
  int pixels;
  ptrdiff_t bytes;
  return !__builtin_mul_overflow(shape.batch, shape.height, &pixels) &&
         !__builtin_mul_overflow(pixels, shape.width, &pixels) &&
         pixels <= kMaxPixels &&
         !__builtin_mul_overflow(ptrdiff_t{pixels}, shape.channels, &bytes) &&
         !__builtin_mul_overflow(bytes, ptrdiff_t{4}, &bytes);
}

RowRange InputRows(const Geometry& geometry, RowRange rows) {
  const int height = geometry.input.height;
  const int begin = rows.begin * geometry.stride_height - geometry.pad_top;
  const int end = (rows.end - 1) * geometry.stride_height - geometry.pad_top +
                  geometry.window_height;
  return {std::clamp(begin, 0, height), std::clamp(end, 0, height)};
}

WindowShape WindowsOf(const ConvDescription& description) {
  return {description.filters(),       description.channels(),
          description.kernel_height(), description.kernel_width(),
          description.stride_height,   description.stride_width,
          description.padding};
}

Status ComputeGeometry(const WindowShape& windows, const ActivationShape& input,
                       Geometry* geometry) {
  if (input.batch < 1 || input.height < 1 || input.width < 1) {
    return Status::Error(
        "input shape is %dx%dx%dx%d; batch, height and width must be at "
        "least 1",
        input.batch, input.height, input.width, input.channels);
  }
  if (input.channels != windows.channels) {
    return Status::Error("input has %d channels; expected are %d",
                         input.channels, windows.channels);
  }
  Geometry result;
  result.input = input;
  result.window_height = windows.kernel_height;
  result.stride_height = windows.stride_height;
  result.stride_width = windows.stride_width;
  result.output.batch = input.batch;
  result.output.height =
      OutputSize(windows.padding, windows.kernel_height, input.height,
                 windows.stride_height, &result.pad_top);
  result.output.width =
      OutputSize(windows.padding, windows.kernel_width, input.width,
                 windows.stride_width, &result.pad_left);
  result.output.channels = windows.filters;
  if (result.output.height < 1 || result.output.width < 1) {
    return Status::Error(
        "input of %dx%d pixels is smaller than the %dx%d kernel, which VALID "
        "padding does not allow",
        input.height, input.width, windows.kernel_height, windows.kernel_width);
  }
  if (!IsAddressable(result.input) || !IsAddressable(result.output)) {
    return Status::Error("input shape %dx%dx%dx%d is too large", input.batch,
                         input.height, input.width, input.channels);
  }
  *geometry = result;
  return Status();
}

}  // namespace tf_pconv

#ifndef TF_PCONV_DELEGATE_CORE_GEOMETRY_H_
#define TF_PCONV_DELEGATE_CORE_GEOMETRY_H_

#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// The sizes of a convolution or pooling that do not depend on its input.
struct WindowShape {
  int filters;   // output channels
  int channels;  // input channels
  int kernel_height;
  int kernel_width;
  int stride_height;
  int stride_width;
  Padding padding;
};

WindowShape WindowsOf(const ConvDescription& description);

// Where the windows lie. The window of output (y, x) starts at input (y *
// stride_height - pad_top, x * stride_width - pad_left); what lies outside the
// input is padding.
struct Geometry {
  ActivationShape input;
  ActivationShape output;
  int window_height = 1;
  int stride_height = 1;
  int stride_width = 1;
  int pad_top = 0;
  int pad_left = 0;
};

// The input rows that the windows of these outputs cover.
RowRange InputRows(const Geometry& geometry, RowRange rows);

// Whether the elements of a tensor, four bytes each, can be addressed, and its
// pixels counted.
bool IsAddressable(const ActivationShape& shape);

// Follows TFLite's rules for SAME and VALID. Fails where the input does not fit
// the weights or where the output would be empty or too large to address.
Status ComputeGeometry(const WindowShape& windows, const ActivationShape& input,
                       Geometry* geometry);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_GEOMETRY_H_

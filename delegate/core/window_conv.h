#ifndef TF_PCONV_DELEGATE_CORE_WINDOW_CONV_H_
#define TF_PCONV_DELEGATE_CORE_WINDOW_CONV_H_

#include "delegate/core/geometry.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// What convolutions of every kind do alike: they follow from where the windows
// lie.
class WindowConv : public PatternConv {
 public:
  explicit WindowConv(const ConvDescription& description)
      : sizes_(description) {}

  Status Resize(const ActivationShape& input) override {
    return ComputeGeometry(sizes_, input, &geometry_);
  }

  ActivationShape output_shape() const override { return geometry_.output; }

  RowRange InputRows(RowRange rows) const override {
    return tf_pconv::InputRows(geometry_, rows);
  }

  int row_unit() const override { return 1; }

 protected:
  const ConvShape& sizes() const { return sizes_; }
  const Geometry& geometry() const { return geometry_; }

 private:
  const ConvShape sizes_;
  Geometry geometry_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_WINDOW_CONV_H_

#ifndef TF_PCONV_DELEGATE_CORE_WINDOW_OPERATOR_H_
#define TF_PCONV_DELEGATE_CORE_WINDOW_OPERATOR_H_

#include <vector>

#include "delegate/core/geometry.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// What operators with windows do alike, as `Interface` asks for it: it follows
// from where the windows lie.
template <typename Interface>
class WindowOperator : public Interface {
 public:
  explicit WindowOperator(const WindowShape& sizes) : sizes_(sizes) {}

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    return ComputeGeometry(sizes_, inputs[0], &geometry_);
  }

  ActivationShape output_shape() const override { return geometry_.output; }

  RowRange InputRows(int, RowRange rows) const override {
    return tf_pconv::InputRows(geometry_, rows);
  }

  int row_unit() const override { return 1; }

 protected:
  const WindowShape& sizes() const { return sizes_; }
  const Geometry& geometry() const { return geometry_; }

 private:
  const WindowShape sizes_;
  Geometry geometry_;
};

class WindowConv : public WindowOperator<PatternConv> {
 public:
  explicit WindowConv(const ConvDescription& description)
      : WindowOperator(WindowsOf(description)) {}
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_WINDOW_OPERATOR_H_

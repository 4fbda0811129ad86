#ifndef TF_PCONV_DELEGATE_CORE_COPY_ROW_COPY_H_
#define TF_PCONV_DELEGATE_CORE_COPY_ROW_COPY_H_

#include <cstddef>
#include <cstdint>

#include "delegate/core/operator.h"
#include "delegate/core/status.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {

// What operators that only move elements of some bytes do alike.
class RowCopy : public Operator {
 public:
  ActivationShape output_shape() const override { return output_; }
  size_t WorkspaceBytes(int) const override { return 0; }
  int row_unit() const override { return 1; }
  void RunRows(const void* const* inputs, void* output, RowRange rows, void*,
               ThreadPool* pool, PhaseTicks* ticks) const override;
  const char* kernel_name() const override { return "copy"; }

 protected:
  explicit RowCopy(size_t element_bytes) : element_bytes_(element_bytes) {}

  Status UseOutput(const ActivationShape& output);

  size_t PixelBytes(const ActivationShape& shape) const {
    return element_bytes_ * shape.channels;
  }
  // Where a row of a tensor begins, in bytes.
  size_t RowOffset(const ActivationShape& shape, int image, int y) const {
    return (size_t(image) * shape.height + y) * shape.width * PixelBytes(shape);
  }

 private:
  // Writes row `y` of an image of the output.
  virtual void CopyRow(const void* const* inputs, int image, int y,
                       uint8_t* row) const = 0;

  const size_t element_bytes_;
  ActivationShape output_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_COPY_ROW_COPY_H_

#include "delegate/core/copy/row_copy.h"

#include "delegate/core/geometry.h"
#include "delegate/core/phases.h"
#include "delegate/core/row_task.h"

namespace tf_pconv {

void RowCopy::RunRows(const void* const* inputs, void* output, RowRange rows,
                      void*, ThreadPool* pool, PhaseTicks* ticks) const {
  RunRowTask(pool, output_, rows, Phase::kStore, ticks, [&](int image, int y) {
    CopyRow(inputs, image, y,
            static_cast<uint8_t*>(output) + RowOffset(output_, image, y));
  });
}

Status RowCopy::UseOutput(const ActivationShape& output) {
  if (!IsAddressable(output)) {
    return Status::Error("output shape %dx%dx%dx%d is too large", output.batch,
                         output.height, output.width, output.channels);
  }
  output_ = output;
  return Status();
}

}  // namespace tf_pconv

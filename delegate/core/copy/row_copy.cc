#include "delegate/core/copy/row_copy.h"

#include "delegate/core/geometry.h"
#include "delegate/core/phases.h"
#include "delegate/core/row_task.h"

namespace tf_pconv {

struct RowCopy::Call {
  const RowCopy* copy;
  const void* const* inputs;
  uint8_t* output;
  RowRange rows;
  PhaseTicks* ticks;
};

void RowCopy::RunRows(const void* const* inputs, void* output, RowRange rows,
                      void*, ThreadPool* pool, PhaseTicks* ticks) const {
  Call call = {this, inputs, static_cast<uint8_t*>(output), rows, ticks};
  RunTask(pool, RowsOf(output_, rows), RunShare, &call);
}

Status RowCopy::UseOutput(const ActivationShape& output) {
  if (!IsAddressable(output)) {
    return Status::Error("output shape %dx%dx%dx%d is too large", output.batch,
                         output.height, output.width, output.channels);
  }
  output_ = output;
  return Status();
}

void RowCopy::RunShare(void* context, const ThreadPool::Share& share) {
  const Call& call = *static_cast<Call*>(context);
  const RowCopy& copy = *call.copy;
  PhaseClock clock(call.ticks);
  TakeRows(share, call.rows, [&](int image, int y) {
    copy.CopyRow(call.inputs, image, y,
                 call.output + copy.RowOffset(copy.output_, image, y));
  });
  clock.End(Phase::kStore);
}

}  // namespace tf_pconv

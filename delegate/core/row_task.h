#ifndef TF_PCONV_DELEGATE_CORE_ROW_TASK_H_
#define TF_PCONV_DELEGATE_CORE_ROW_TASK_H_

// Tasks whose items are the rows of a range, of each image.

#include <cstdint>

#include "delegate/core/operator.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {

inline WorkSizes RowsOf(const ActivationShape& output, RowRange rows) {
  return {int64_t{output.batch} * (rows.end - rows.begin)};
}

// Calls visit(image, y) for the rows that a thread takes.
template <typename Visit>
void TakeRows(const ThreadPool::Share& share, RowRange rows, Visit visit) {
  const int height = rows.end - rows.begin;
  WorkRange taken;
  while (share.Take(0, height, &taken)) {
    for (int64_t row = taken.begin; row < taken.end; ++row) {
      visit(static_cast<int>(row / height),
            rows.begin + static_cast<int>(row % height));
    }
  }
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_ROW_TASK_H_

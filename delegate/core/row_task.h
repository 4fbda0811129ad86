#ifndef TF_PCONV_DELEGATE_CORE_ROW_TASK_H_
#define TF_PCONV_DELEGATE_CORE_ROW_TASK_H_

// Tasks whose items are the rows of a range, of each image, one by one or as
// many as `unit` at once.

#include <algorithm>
#include <cstdint>

#include "delegate/core/operator.h"
#include "delegate/core/phases.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {

inline int UnitsOf(RowRange rows, int unit) {
  return (rows.end - rows.begin + unit - 1) / unit;
}

inline WorkSizes RowsOf(const ActivationShape& output, RowRange rows,
                        int unit = 1) {
  return {int64_t{output.batch} * UnitsOf(rows, unit)};
}

// Calls visit(image, rows) for the rows that a thread takes, `unit` at once but
// for the last of an image.
template <typename Visit>
void TakeRows(const ThreadPool::Share& share, RowRange rows, int unit,
              Visit visit) {
  const int units = UnitsOf(rows, unit);
  WorkRange taken;
  while (share.Take(0, units, &taken)) {
    for (int64_t item = taken.begin; item < taken.end; ++item) {
      const int begin = rows.begin + static_cast<int>(item % units) * unit;
      visit(static_cast<int>(item / units),
            RowRange{begin, std::min(begin + unit, rows.end)});
    }
  }
}

// Calls visit(image, y), row by row.
template <typename Visit>
void TakeRows(const ThreadPool::Share& share, RowRange rows, Visit visit) {
  TakeRows(share, rows, 1,
           [&](int image, RowRange row) { visit(image, row.begin); });
}

// Calls run(share) on the threads of the pool.
template <typename Run>
void RunShares(ThreadPool* pool, const WorkSizes& sizes, Run run) {
  const auto run_share = [](void* context, const ThreadPool::Share& share) {
    (*static_cast<Run*>(context))(share);
  };
  RunTask(pool, sizes, run_share, &run);
}

// Calls compute(image, y) for each row on the threads of the pool; their time
// counts as that phase.
template <typename Compute>
void RunRowTask(ThreadPool* pool, const ActivationShape& output, RowRange rows,
                Phase phase, PhaseTicks* ticks, const Compute& compute) {
  RunShares(pool, RowsOf(output, rows), [&](const ThreadPool::Share& share) {
    PhaseClock clock(ticks);
    TakeRows(share, rows, compute);
    clock.End(phase);
  });
}

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_ROW_TASK_H_

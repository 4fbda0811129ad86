#ifndef TF_PCONV_DELEGATE_TFLITE_SCHEDULE_H_
#define TF_PCONV_DELEGATE_TFLITE_SCHEDULE_H_

#include <cstddef>
#include <vector>

#include "delegate/tflite/step.h"

namespace tf_pconv {

// In which order a region computes the rows of its steps.
struct Schedule {
  std::vector<Pass> passes;
  // For each step: the most rows of its output that are kept at once, and the
  // passes from the first that writes to the last that reads them.
  std::vector<int> rows;
  std::vector<int> first_pass;
  std::vector<int> last_pass;
};

// Steps whose tensors exceed a thread's cache compute a few rows in turn, so
// that what one has written is still in cache when the next reads it, and only
// those rows are kept. Of all ways to group them, this moves the fewest bytes
// from beyond the cache. Where weights rather than tensors fill the cache that
// would not help, and a step runs as a whole.
Schedule PlanSchedule(const std::vector<Step>& steps, const Workers& workers);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_SCHEDULE_H_

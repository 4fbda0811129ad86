#ifndef TF_PCONV_DELEGATE_TFLITE_MEMORY_PLAN_H_
#define TF_PCONV_DELEGATE_TFLITE_MEMORY_PLAN_H_

#include <cstddef>
#include <vector>

namespace tf_pconv {

// A buffer that holds a value from one pass to another, both included.
struct BufferUse {
  size_t bytes = 0;
  int first_pass = 0;
  int last_pass = 0;
  size_t offset = 0;  // set by PlanMemory
};

// Places the buffers in one block so that those in use at the same pass do not
// overlap; offsets are aligned. Returns the bytes of the block.
size_t PlanMemory(std::vector<BufferUse>* uses);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_MEMORY_PLAN_H_

#ifndef TF_PCONV_DELEGATE_CORE_OPERATOR_H_
#define TF_PCONV_DELEGATE_CORE_OPERATOR_H_

#include <cstddef>
#include <vector>

#include "delegate/core/phases.h"
#include "delegate/core/status.h"

namespace tf_pconv {

class ThreadPool;

// Size of an NHWC tensor.
struct ActivationShape {
  int batch = 0;
  int height = 0;
  int width = 0;
  int channels = 0;

  bool operator==(const ActivationShape& other) const {
    return batch == other.batch && height == other.height &&
           width == other.width && channels == other.channels;
  }
};

// The rows [begin, end) of each image of a tensor.
struct RowRange {
  int begin = 0;
  int end = 0;
};

// Computes one NHWC tensor from others, a range of its rows at a time. Resize
// for each new input shape, RunRows often: it allocates nothing and may be
// called from several threads with different workspaces.
class Operator {
 public:
  virtual ~Operator() = default;

  // Prepares for inputs of these shapes.
  virtual Status Resize(const std::vector<ActivationShape>& inputs) = 0;

  virtual ActivationShape output_shape() const = 0;

  // Scratch memory that RunRows needs for `threads` threads, aligned to 64
  // bytes.
  virtual size_t WorkspaceBytes(int threads) const = 0;

  // The rows of an input that these rows of the output depend on.
  virtual RowRange InputRows(int input, RowRange rows) const = 0;

  // Ranges of any rows give the same outputs; those that begin and end at
  // multiples of this give them fastest.
  virtual int row_unit() const = 0;

  // Computes rows of the output. `inputs` and `output` are whole tensors, of
  // which other rows need not be there yet. `pool` may be null for a single
  // thread, `ticks` where nobody wants to know what the time goes to.
  virtual void RunRows(const void* const* inputs, void* output, RowRange rows,
                       void* workspace, ThreadPool* pool,
                       PhaseTicks* ticks) const = 0;

  // The kernel that runs. A float32 convolution settles the size of its tiles
  // in Resize; before, this is the largest of its kernels.
  virtual const char* kernel_name() const = 0;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_OPERATOR_H_

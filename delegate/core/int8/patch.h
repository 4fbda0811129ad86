#ifndef TF_PCONV_DELEGATE_CORE_INT8_PATCH_H_
#define TF_PCONV_DELEGATE_CORE_INT8_PATCH_H_

// Where the inputs of a block of outputs lie in the lanes of a kernel.

#include <cstdint>
#include <vector>

#include "delegate/core/int8/kernel.h"
#include "delegate/core/operator.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// The input pixels of a block of outputs, cut into equal rectangles of at most
// kPartBytes pixels that cover it and may overlap.
struct Int8Patch {
  // Relative to the first pixel of the patch, or of a part.
  struct Pixel {
    int row;
    int column;
  };

  int rows = 0;
  int columns = 0;
  int lanes = 0;
  std::vector<Pixel> parts;  // the first pixel of each, in the order of lanes
  // The pixel of each byte of a part; bytes past the last pixel repeat one.
  Pixel bytes[kPartBytes] = {};
};

Int8Patch MakeInt8Patch(const Int8Block& block, int stride_height,
                        int stride_width);

// Whether the kernel computes convolutions of these strides.
bool RunsStrides(const Int8Kernel& kernel, int stride_height, int stride_width);

// The blocks that cover an output.
int64_t BlocksOf(const ActivationShape& output, const Int8Block& block);

// Orders of the four weights of a pattern that the kernel may want.
int ArrangementCount(const Int8Kernel& kernel);

// Int8MultiplyArgs::shuffles: for each pattern, in each arrangement.
std::vector<uint8_t> MakeInt8Shuffles(const PatternWeights& weights,
                                      const Int8Kernel& kernel,
                                      int stride_height, int stride_width);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_INT8_PATCH_H_

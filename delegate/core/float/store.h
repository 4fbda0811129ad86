#ifndef TF_PCONV_DELEGATE_CORE_FLOAT_STORE_H_
#define TF_PCONV_DELEGATE_CORE_FLOAT_STORE_H_

#include <cstdint>
#include <vector>

#include "delegate/core/float/kernel.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/pattern_conv.h"

namespace tf_pconv {

// The last stage of a float32 convolution: bias, activation, NHWC.
class FloatStore {
 public:
  explicit FloatStore(const ConvDescription& description);

  // Where, in floats, the sums of each channel begin in a tile of the kernel;
  // `rows` are its rows of sums (FloatStream), one a channel.
  std::vector<uint32_t> RowOffsets(const std::vector<uint32_t>& rows,
                                   const FloatKernel& kernel) const;

  // Writes the channels of a vector of lanes, whose sums begin at `sums`, each
  // to its pixel.
  void Store(const FloatKernel& kernel, const float* sums, const uint32_t* rows,
             float* const* pixels) const;

 private:
  void Store(const FloatKernel& kernel, const float* sums, const uint32_t* rows,
             int first, int channels, float* const* pixels) const;

  int filters_;
  FloatRange range_;
  std::vector<float> bias_;  // filled up to whole vectors
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_FLOAT_STORE_H_

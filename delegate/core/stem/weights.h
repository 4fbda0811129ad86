#ifndef TF_PCONV_DELEGATE_CORE_STEM_WEIGHTS_H_
#define TF_PCONV_DELEGATE_CORE_STEM_WEIGHTS_H_

#include "delegate/core/weights/conv_weights.h"

namespace tf_pconv {

// Weights of more channels fill the vectors of the runtime's kernels.
inline constexpr int kStemMostChannels = 8;

// Fewer do not fill the narrowest blocks of kernels.
inline constexpr int kStemLeastFilters = 16;

// Rows or columns of a kernel, or from one window to the next.
inline constexpr int kStemMostSide = 32;
inline bool IsStemSide(int side) { return side >= 1 && side <= kStemMostSide; }

// The weights of a stem: a dense convolution of few channels, as networks begin
// with.
struct StemWeights : ConvWeights {
  int filters = 0;
  int kernel_height = 0;
  int kernel_width = 0;
  // Values in the order of TFLite: [filters, kernel_height, kernel_width,
  // channels].

  size_t FilterValues() const {
    return size_t{1} * kernel_height * kernel_width * channels;
  }
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_STEM_WEIGHTS_H_

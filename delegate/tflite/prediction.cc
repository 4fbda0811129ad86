// Tells those who make .tflite files where packing pays.

#include <cstddef>
#include <cstdint>

#include "delegate/core/pattern_conv.h"
#include "delegate/core/weights/fkw.h"
#include "delegate/core/weights/pattern_weights.h"

// Returns how many times faster than dense the convolution with these FKW
// weights is expected to be on the processor where that is least; 0 where it
// cannot run.
extern "C" __attribute__((visibility("default"))) double
tf_pconv_predict_least_speedup(const uint8_t* fkw, size_t fkw_bytes,
                               int32_t batch, int32_t height, int32_t width,
                               int32_t stride_height, int32_t stride_width,
                               int32_t is_padding_same) {
  tf_pconv::PatternWeights weights;
  if (!tf_pconv::ReadFkw(fkw, fkw_bytes, &weights).ok()) return 0.0;
  tf_pconv::ConvDescription description;
  description.weights = &weights;
  description.stride_height = stride_height;
  description.stride_width = stride_width;
  description.padding = is_padding_same != 0 ? tf_pconv::Padding::kSame
                                             : tf_pconv::Padding::kValid;
  description.input.scale = description.output.scale = 1.0f;
  return tf_pconv::PredictLeastSpeedup(
      description, {batch, height, width, weights.channels});
}

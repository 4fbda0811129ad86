#ifndef TF_PCONV_DELEGATE_CORE_TUNING_H_
#define TF_PCONV_DELEGATE_CORE_TUNING_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"

namespace tf_pconv {

// What decides how fast a convolution runs, as text: two layers of one
// signature run alike. docs/tuning.md explains its parts.
struct LayerSignature {
  LayerSignature(const ConvDescription& description,
                 const ActivationShape& input, int threads);

  char text[128] = {};
};

// What was measured of a layer on one processor.
struct TunedLayer {
  char signature[sizeof(LayerSignature::text)] = {};
  char kernel[kMaxKernelName + 1] = {};
  int block_bytes = 0;
  double gain = 0.0;  // times faster than dense; 0 where not measured

  // Borrows from this struct.
  ConvTuning choices() const { return {kernel, block_bytes}; }
};

// The layers of a tuning file that were measured on one processor.
class TuningTable {
 public:
  // Reads the text of a tuning file; see docs/tuning.md. An error names its
  // line and changes nothing.
  Status Parse(std::string_view text, std::string_view processor);

  // The layer of that signature, or null.
  const TunedLayer* Find(const LayerSignature& signature) const;

  size_t size() const { return layers_.size(); }

 private:
  std::vector<TunedLayer> layers_;  // sorted by signature
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_TUNING_H_

#include "delegate/core/float/store.h"

#include <algorithm>

#include "delegate/core/alignment.h"
#include "delegate/core/float/planes.h"

namespace tf_pconv {

FloatStore::FloatStore(const ConvDescription& description)
    : filters_(description.weights->filters),
      range_(ActivationRange(description.activation)),
      bias_(AlignedFloats(filters_), 0.0f) {
  if (description.float_bias != nullptr) {
    std::copy_n(description.float_bias, filters_, bias_.begin());
  }
}

std::vector<uint32_t> FloatStore::RowOffsets(const std::vector<uint32_t>& rows,
                                             const FloatKernel& kernel) const {
  std::vector<uint32_t> offsets(bias_.size(), 0);
  for (size_t i = 0; i < rows.size(); ++i) offsets[i] = rows[i] * kernel.pixels;
  return offsets;
}

void FloatStore::Store(const FloatKernel& kernel, const float* sums,
                       const uint32_t* rows, float* const* pixels) const {
  const int whole = filters_ / kernel.lanes * kernel.lanes;
  if (whole != 0) Store(kernel, sums, rows, 0, whole, pixels);
  if (whole == filters_) return;
  float* last[kMaxFloatLanes];
  if (whole != 0) {
    // The last vector of channels overlaps the one before it.
    const int first = filters_ - kernel.lanes;
    for (int i = 0; i < kernel.lanes; ++i) last[i] = pixels[i] + first;
    Store(kernel, sums, rows, first, kernel.lanes, last);
    return;
  }
  float filled_up[kMaxFloatLanes][kMaxFloatLanes];
  for (int i = 0; i < kernel.lanes; ++i) last[i] = filled_up[i];
  Store(kernel, sums, rows, 0, kernel.lanes, last);
  for (int i = 0; i < kernel.lanes; ++i) {
    std::copy_n(filled_up[i], filters_, pixels[i]);
  }
}

void FloatStore::Store(const FloatKernel& kernel, const float* sums,
                       const uint32_t* rows, int first, int channels,
                       float* const* pixels) const {
  const FloatStoreArgs args = {sums,     rows + first, bias_.data() + first,
                               channels, range_.min,   range_.max,
                               pixels};
  kernel.store(&args);
}

}  // namespace tf_pconv

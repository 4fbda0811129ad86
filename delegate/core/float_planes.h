#ifndef TF_PCONV_DELEGATE_CORE_FLOAT_PLANES_H_
#define TF_PCONV_DELEGATE_CORE_FLOAT_PLANES_H_

#include <cstddef>

#include "delegate/core/float_tiling.h"
#include "delegate/core/geometry.h"

namespace tf_pconv {

// Vectors have at most this many lanes.
inline constexpr int kMaxFloatLanes = 16;

// Tiles of a strip that are packed together. The first tile of all begins with
// the first lane of the first of `rows`.
struct FloatBand {
  RowRange rows;
  int image;
  int strip;
  int first_tile;
  int tiles;
};

// Where a band begins: its first row, and a lane of that row.
struct FloatBandStart {
  FloatBandStart(const FloatTiling& tiling, const FloatBand& band);

  int row;
  int lane;
};

// Floats that PackFloatPlanes writes: channels are filled up to whole vectors.
size_t FloatPlanesSize(const Geometry& geometry, const FloatTiling& tiling);

// Packs the NHWC inputs that a band reads into planes, whose first row is that
// in which the band begins. `zeros` stands for pixels outside the image and has
// as many floats as there are channels.
void PackFloatPlanes(const Geometry& geometry, const FloatTiling& tiling,
                     const FloatBand& band, const float* input,
                     const float* zeros, float* planes);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_FLOAT_PLANES_H_

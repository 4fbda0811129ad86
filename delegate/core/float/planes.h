#ifndef TF_PCONV_DELEGATE_CORE_FLOAT_PLANES_H_
#define TF_PCONV_DELEGATE_CORE_FLOAT_PLANES_H_

#include <cstddef>

#include "delegate/core/float/tiling.h"
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

// Transposes the channels of a vector of pixels: those of channel c go to
// planes + c * channel_floats. Channels are filled up to a whole vector of
// them.
void PackFloatPixels(const FloatKernel& kernel, const float* const* pixels,
                     int channels, float* planes, size_t channel_floats);

// Floats that the planes of these channels take, filled up to whole vectors of
// channels.
size_t FloatPlanesSize(int channels, const FloatTiling& tiling);

// Packs the NHWC inputs that a band reads into planes, whose first row is that
// in which the band begins. `zeros` stands for pixels outside the image and has
// as many floats as there are channels.
void PackFloatPlanes(const Geometry& geometry, const FloatTiling& tiling,
                     const FloatBand& band, const float* input,
                     const float* zeros, float* planes);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_FLOAT_PLANES_H_

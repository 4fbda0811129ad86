#include "delegate/core/float/planes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tf_pconv {

FloatBandStart::FloatBandStart(const FloatTiling& tiling,
                               const FloatBand& band) {
  const int64_t lanes = int64_t{band.first_tile} * tiling.kernel->pixels;
  row = band.rows.begin + static_cast<int>(lanes / tiling.pitch);
  lane = static_cast<int>(lanes % tiling.pitch);
}

size_t FloatPlanesSize(int channels, const FloatTiling& tiling) {
  const int lanes = tiling.kernel->lanes;
  const size_t vectors = (channels + lanes - 1) / lanes;
  return vectors * lanes * tiling.channel_floats();
}

void PackFloatPixels(const FloatKernel& kernel, const float* const* pixels,
                     int channels, float* planes, size_t channel_floats) {
  const int whole = channels / kernel.lanes * kernel.lanes;
  kernel.pack(pixels, whole, planes, channel_floats);
  if (whole == channels) return;
  const float* last[kMaxFloatLanes];
  if (whole != 0) {
    // The last vector of channels overlaps the one before it.
    const int first = channels - kernel.lanes;
    for (int i = 0; i < kernel.lanes; ++i) last[i] = pixels[i] + first;
    kernel.pack(last, kernel.lanes, planes + first * channel_floats,
                channel_floats);
    return;
  }
  float filled_up[kMaxFloatLanes][kMaxFloatLanes] = {};
  for (int i = 0; i < kernel.lanes; ++i) {
    std::copy_n(pixels[i], channels, filled_up[i]);
    last[i] = filled_up[i];
  }
  kernel.pack(last, kernel.lanes, planes, channel_floats);
}

void PackFloatPlanes(const Geometry& geometry, const FloatTiling& tiling,
                     const FloatBand& band, const float* input,
                     const float* zeros, float* planes) {
  const ActivationShape& shape = geometry.input;
  const FloatKernel& kernel = *tiling.kernel;
  const FloatBandStart start(tiling, band);
  const int first_row = tiling.vertical.first + start.row;
  const int first_column = tiling.first_column + band.strip * tiling.columns;
  const int lanes = start.lane + band.tiles * kernel.pixels;
  const int rows = std::min((lanes + tiling.pitch - 1) / tiling.pitch,
                            band.rows.end - start.row) +
                   tiling.vertical.reach;
  for (int phase = 0; phase < tiling.phases(); ++phase) {
    const int row_phase = phase / tiling.horizontal.phases;
    const int column_phase = phase % tiling.horizontal.phases;
    // A row's last vector may reach into the next row, which is packed later.
    for (int i = 0; i < rows; ++i) {
      const int row = (first_row + i) * geometry.stride_height + row_phase;
      const bool inside = row >= 0 && row < shape.height;
      const float* input_row =
          input + (ptrdiff_t{band.image} * shape.height + (inside ? row : 0)) *
                      shape.width * shape.channels;
      float* plane_row =
          planes + phase * tiling.plane_floats + size_t(i) * tiling.pitch;
      for (int lane = 0; lane < tiling.row_lanes; lane += kernel.lanes) {
        const float* pixels[kMaxFloatLanes];
        for (int l = 0; l < kernel.lanes; ++l) {
          const int column =
              (first_column + lane + l) * geometry.stride_width + column_phase;
          pixels[l] = inside && column >= 0 && column < shape.width
                          ? input_row + ptrdiff_t{column} * shape.channels
                          : zeros;
        }
        PackFloatPixels(kernel, pixels, shape.channels, plane_row + lane,
                        tiling.channel_floats());
      }
    }
  }
}

}  // namespace tf_pconv

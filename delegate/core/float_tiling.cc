#include "delegate/core/float_tiling.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace tf_pconv {
namespace {

// Inputs of a block of channels. Kernels of small groups load so often that
// these must stay in the first cache.
constexpr size_t kNearBytes = 32 * 1024;
constexpr size_t kFarBytes = 256 * 1024;
constexpr int kNearGroupSize = 2;
// Inputs of a band, with the sums the better part of a second cache.
constexpr size_t kBandBytes = 384 * 1024;

constexpr int kLineFloats = 16;

int DivideUp(int value, int divisor) { return (value + divisor - 1) / divisor; }

// `value` cut into as few equal parts as `most` allows.
int EqualPart(int value, size_t most) {
  const int part = static_cast<int>(std::clamp<size_t>(most, 1, value));
  return DivideUp(value, DivideUp(value, part));
}

TapAxis MakeTapAxis(int stride, int pad_before) {
  TapAxis axis = {};
  axis.phases = stride;
  // Rounded down, as is every position: the padding may be negative.
  axis.first = -DivideUp(pad_before, stride);
  for (int tap = 0; tap < kKernelSide; ++tap) {
    const int position = tap - pad_before - axis.first * stride;
    axis.phase[tap] = position % stride;
    axis.shift[tap] = position / stride;
    axis.reach = std::max(axis.reach, axis.shift[tap]);
  }
  return axis;
}

// Cuts the output into `strips` and tiles. False where not one row of a strip
// fits into a tile.
bool CutOutput(const Geometry& geometry, int strips, FloatTiling* tiling) {
  const FloatKernel& kernel = *tiling->kernel;
  tiling->columns = DivideUp(geometry.output.width, strips);
  tiling->strips = DivideUp(geometry.output.width, tiling->columns);
  tiling->first_column = tiling->horizontal.first;
  tiling->first_lane = tiling->horizontal.reach;
  // The padding left of a row needs no lane where the row above ends in zeros.
  if (tiling->strips == 1 && geometry.stride_width == 1 &&
      geometry.pad_left == 1 &&
      (kernel.pitch == 0 || kernel.pitch > geometry.input.width)) {
    ++tiling->first_column;
    --tiling->first_lane;
  }
  const int used = tiling->first_lane + tiling->columns;
  const int most = kernel.pitch != 0 ? kernel.pitch : kernel.pixels;
  if (used > most) return false;
  if (kernel.pitch != 0) {
    tiling->pitch = kernel.pitch;
    tiling->rows = kernel.pixels / kernel.pitch;
  } else {
    tiling->rows = (kernel.pixels - used) / used + 1;
    // Whole vectors where they cost no row.
    const int whole = DivideUp(used, kernel.lanes) * kernel.lanes;
    const bool fits = (tiling->rows - 1) * whole + used <= kernel.pixels;
    tiling->pitch = fits ? whole : used;
  }
  tiling->rows = std::min(tiling->rows, geometry.output.height);
  tiling->row_tiles = DivideUp(geometry.output.height, tiling->rows);
  return true;
}

// The work of a tiling, in multiply-adds of a tap.
int64_t Cost(const FloatTiling& tiling) {
  const FloatKernel& kernel = *tiling.kernel;
  // Loads of weights and loop control take some time, and multiply-adds of one
  // accumulator have to wait for each other.
  constexpr int kTapOverhead = 2;
  constexpr int kFewestAccumulators = 8;
  const int accumulators = kernel.group_size * kernel.pixels / kernel.lanes;
  return int64_t{tiling.strips} * tiling.row_tiles *
         (std::max(accumulators, kFewestAccumulators) + kTapOverhead);
}

void SizePlanes(int channels, FloatTiling* tiling) {
  const FloatKernel& kernel = *tiling->kernel;
  const int reach = tiling->vertical.reach;
  const size_t row_bytes = sizeof(float) * tiling->phases() * tiling->pitch;
  tiling->band_tiles = EqualPart(
      tiling->row_tiles, kBandBytes / (row_bytes * tiling->rows * channels));
  tiling->plane_rows = tiling->band_tiles * tiling->rows + reach;
  // The last tile reads all its lanes, used or not; rows are packed in whole
  // vectors.
  const int read =
      (tiling->plane_rows - tiling->rows) * tiling->pitch + kernel.pixels;
  const int written = (tiling->plane_rows - 1) * tiling->pitch +
                      DivideUp(tiling->pitch, kernel.lanes) * kernel.lanes;
  // An odd number of lines spreads the planes over all sets of a cache.
  tiling->plane_floats =
      kLineFloats * (DivideUp(std::max(read, written), kLineFloats) | 1);
  tiling->block_channels = EqualPart(
      channels, (kernel.group_size <= kNearGroupSize ? kNearBytes : kFarBytes) /
                    (row_bytes * (tiling->rows + reach)));
}

}  // namespace

FloatTiling ChooseFloatTiling(const Geometry& geometry,
                              const std::vector<const FloatKernel*>& kernels) {
  FloatTiling best;
  for (const FloatKernel* kernel : kernels) {
    FloatTiling tiling;
    tiling.kernel = kernel;
    tiling.vertical = MakeTapAxis(geometry.stride_height, geometry.pad_top);
    tiling.horizontal = MakeTapAxis(geometry.stride_width, geometry.pad_left);
    const int width = geometry.output.width;
    // Narrower strips than a vector are not worth a look, unless nothing else
    // fits.
    for (int strips = 1; strips <= width; ++strips) {
      const bool narrow = DivideUp(width, strips) < kernel->lanes / 2;
      if (narrow && best.kernel == kernel) break;
      if (CutOutput(geometry, strips, &tiling) &&
          (best.kernel == nullptr || Cost(tiling) < Cost(best))) {
        best = tiling;
      }
    }
  }
  SizePlanes(geometry.input.channels, &best);
  return best;
}

}  // namespace tf_pconv

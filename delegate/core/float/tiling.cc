#include "delegate/core/float/tiling.h"

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
// Inputs of a band; with the sums they fill the better part of a second cache.
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

// Cuts the output into `strips`. False where the kernel's pitch is too short.
bool CutStrips(const Geometry& geometry, int strips, FloatTiling* tiling) {
  const FloatKernel& kernel = *tiling->kernel;
  const int reach = tiling->horizontal.reach;
  tiling->columns = DivideUp(geometry.output.width, strips);
  tiling->strips = DivideUp(geometry.output.width, tiling->columns);
  tiling->first_column = tiling->horizontal.first;
  // Padding at the end of a row can stand for that before the next one.
  const bool shared = tiling->strips == 1 && geometry.stride_width == 1 &&
                      geometry.pad_left == 1;
  if (kernel.pitch == 0) {
    tiling->first_lane = 0;
    tiling->row_lanes = tiling->columns + reach;
    tiling->pitch = tiling->row_lanes - (shared ? 1 : 0);
  } else {
    // The accumulators move up by `reach` lanes.
    tiling->first_lane = reach;
    tiling->row_lanes = tiling->pitch = kernel.pitch;
    if (shared) {
      ++tiling->first_column;
      --tiling->first_lane;
    }
    if (tiling->first_lane + tiling->columns > tiling->pitch) return false;
  }
  return true;
}

// Floats of a tile's inputs in one channel.
size_t TileInputs(const FloatTiling& tiling) {
  const int reach = tiling.vertical.reach;
  const int pixels = tiling.kernel->pixels;
  return size_t(tiling.phases()) *
         std::min(pixels + reach * tiling.pitch, (1 + reach) * pixels);
}

size_t BlockBytes(const FloatKernel& kernel, int tuned) {
  if (tuned > 0) return tuned;
  return kernel.group_size <= kNearGroupSize ? kNearBytes : kFarBytes;
}

int BlockChannels(const FloatTiling& tiling, int channels) {
  return EqualPart(channels,
                   tiling.block_bytes / (sizeof(float) * TileInputs(tiling)));
}

// The work of a tiling for one filter group, in vector operations.
double Cost(const FloatTiling& tiling, const Geometry& geometry,
            double kept_channels) {
  const FloatKernel& kernel = *tiling.kernel;
  // Multiply-adds of an accumulator wait for each other.
  constexpr int kFewestAccumulators = 8;
  // Loads of weights and loop control of a tap.
  constexpr int kTapOverhead = 2;
  // A block of channels loads, adds and stores the sums.
  constexpr int kBlockOverhead = 3;
  const int accumulators = kernel.group_size * kernel.pixels / kernel.lanes;
  const int channels = geometry.input.channels;
  const int blocks = DivideUp(channels, BlockChannels(tiling, channels));
  const double tile =
      kept_channels * kPatternEntries *
          (std::max(accumulators, kFewestAccumulators) + kTapOverhead) +
      double(blocks) * kBlockOverhead * accumulators;
  return tile * tiling.strips * tiling.TilesOf(geometry.output.height);
}

// Whether a tile alone fills more than a band may, because it reaches into rows
// that are longer than itself: narrower strips then take less.
bool IsTooWide(const FloatTiling& tiling, int channels) {
  const size_t rows = size_t(1 + tiling.vertical.reach) * tiling.pitch;
  return tiling.pitch > tiling.kernel->pixels &&
         sizeof(float) * rows * tiling.phases() * channels > kBandBytes;
}

void SizePlanes(const Geometry& geometry, FloatTiling* tiling) {
  const int channels = geometry.input.channels;
  const FloatKernel& kernel = *tiling->kernel;
  const int reach = tiling->vertical.reach;
  const size_t tile_bytes =
      sizeof(float) * tiling->phases() * kernel.pixels * channels;
  tiling->band_tiles = EqualPart(tiling->TilesOf(geometry.output.height),
                                 kBandBytes / tile_bytes);
  // A band begins anywhere in its first row. Its last tile reads all lanes,
  // used or not; rows are packed in whole vectors.
  const int lanes = tiling->pitch - 1 + tiling->band_tiles * kernel.pixels;
  const int read = lanes + reach * tiling->pitch + tiling->horizontal.reach;
  const int rows = DivideUp(lanes, tiling->pitch) + reach;
  const int written = (rows - 1) * tiling->pitch +
                      DivideUp(tiling->row_lanes, kernel.lanes) * kernel.lanes;
  // An odd number of lines spreads the planes over all sets of a cache.
  tiling->plane_floats =
      kLineFloats * (DivideUp(std::max(read, written), kLineFloats) | 1);
  // Taps hold their places in a block in 32 bits.
  tiling->block_channels = static_cast<int>(std::min<size_t>(
      BlockChannels(*tiling, channels), UINT32_MAX / tiling->channel_floats()));
}

}  // namespace

FloatTiling PointwiseTiling(const FloatKernel& kernel, int channels,
                            int block_bytes) {
  FloatTiling tiling;
  tiling.kernel = &kernel;
  tiling.block_bytes = BlockBytes(kernel, block_bytes);
  tiling.vertical.phases = tiling.horizontal.phases = 1;
  tiling.plane_floats = kernel.pixels;
  tiling.block_channels = BlockChannels(tiling, channels);
  return tiling;
}

int FloatTiling::TilesOf(int rows) const {
  const int64_t lanes = int64_t{rows - 1} * pitch + first_lane + columns;
  return static_cast<int>((lanes + kernel->pixels - 1) / kernel->pixels);
}

FloatTiling ChooseFloatTiling(const Geometry& geometry, double kept_channels,
                              const std::vector<const FloatKernel*>& kernels,
                              int block_bytes) {
  const int width = geometry.output.width;
  FloatTiling best;
  double best_cost = 0;
  for (const FloatKernel* kernel : kernels) {
    FloatTiling tiling;
    tiling.kernel = kernel;
    tiling.block_bytes = BlockBytes(*kernel, block_bytes);
    tiling.vertical = MakeTapAxis(geometry.stride_height, geometry.pad_top);
    tiling.horizontal = MakeTapAxis(geometry.stride_width, geometry.pad_left);
    // Each width of a strip that divides the image into another number of them.
    // Less than half a vector is not worth a look, unless no other fits.
    for (int strips = 1;; strips = DivideUp(width, tiling.columns - 1)) {
      const bool narrow = DivideUp(width, strips) < kernel->lanes / 2;
      if (narrow && best.kernel == kernel) break;
      if (CutStrips(geometry, strips, &tiling) &&
          !IsTooWide(tiling, geometry.input.channels)) {
        const double cost = Cost(tiling, geometry, kept_channels);
        if (best.kernel == nullptr || cost < best_cost) {
          best = tiling;
          best_cost = cost;
        }
      }
      if (tiling.columns == 1) break;
    }
  }
  SizePlanes(geometry, &best);
  return best;
}

}  // namespace tf_pconv

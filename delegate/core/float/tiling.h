#ifndef TF_PCONV_DELEGATE_CORE_FLOAT_TILING_H_
#define TF_PCONV_DELEGATE_CORE_FLOAT_TILING_H_

#include <cstddef>
#include <vector>

#include "delegate/core/float/kernel.h"
#include "delegate/core/geometry.h"

namespace tf_pconv {

// Where the three taps of a window's column or row read. An input dimension of
// stride 2 is taken apart into its even and odd positions, its phases, so that
// neighbouring outputs read neighbouring inputs of one phase.
struct TapAxis {
  int phases;
  int first;               // position in its phase that output 0 reads first
  int reach;               // how far behind that the last tap reads
  int phase[kKernelSide];  // of each tap
  int shift[kKernelSide];  // of each tap, 0 to reach
};

// How a convolution is cut into tiles.
//
// The image is cut into strips of columns. The inputs of a strip lie in planes:
// for each channel, for each phase, row behind row, `pitch` lanes each. Its
// outputs lie in the same lanes: output (y, x) in lane y * pitch + first_lane +
// x. A tile is the next kernel->pixels lanes of a strip, whatever rows they
// belong to.
struct FloatTiling {
  const FloatKernel* kernel = nullptr;
  TapAxis vertical = {};
  TapAxis horizontal = {};

  int strips = 0;
  int columns = 0;  // outputs of a row of a strip
  int pitch = 0;
  int first_lane = 0;
  int row_lanes = 0;     // that are packed; rows may share a lane of padding
  int first_column = 0;  // position in its phase of lane 0 of the first strip

  // Tiles that are packed together: fewer rows are packed twice.
  int band_tiles = 0;
  size_t plane_floats = 0;
  // Channels that one call of the kernel takes, whose inputs stay in cache
  // while all filters read them.
  size_t block_bytes = 0;
  int block_channels = 0;

  int phases() const { return vertical.phases * horizontal.phases; }
  // Tiles of a strip that hold so many rows.
  int TilesOf(int rows) const;
  size_t channel_floats() const { return phases() * plane_floats; }
};

// The tiling with the least work among those of `kernels`, which have one group
// size, for filters that keep `kept_channels` on average. The inputs of a block
// of channels take `block_bytes`; 0: the default.
FloatTiling ChooseFloatTiling(const Geometry& geometry, double kept_channels,
                              const std::vector<const FloatKernel*>& kernels,
                              int block_bytes);

// The tiling of a 1x1 convolution: tiles are runs of outputs, whose inputs are
// packed tile by tile.
FloatTiling PointwiseTiling(const FloatKernel& kernel, int channels,
                            int block_bytes);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_FLOAT_TILING_H_

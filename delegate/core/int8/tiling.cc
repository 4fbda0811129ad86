#include "delegate/core/int8/tiling.h"

#include <algorithm>

#include "delegate/core/kernel_choice.h"

namespace tf_pconv {
namespace {

bool SameBlock(const Int8Block& a, const Int8Block& b) {
  return a.rows == b.rows && a.columns == b.columns;
}

}  // namespace

Int8Tile::Int8Tile(const Int8Kernel* kernel, const Int8Patch& patch)
    : kernel(kernel),
      blocks(kernel->pixels / (kernel->block.rows * kernel->block.columns)),
      lane_parts(kernel->block.lane_bytes / kPartBytes),
      parts(blocks * patch.lanes * lane_parts) {
  for (int part = 0; part < static_cast<int>(patch.parts.size()); ++part) {
    places.push_back(part / lane_parts * blocks * lane_parts +
                     part % lane_parts);
  }
}

std::vector<Int8Tiling> MakeInt8Tilings(
    const ConvDescription& description,
    const std::vector<const Int8Kernel*>& kernels) {
  const int height = description.stride_height;
  const int width = description.stride_width;
  std::vector<Int8Tiling> tilings;
  for (const Int8Kernel* kernel : kernels) {
    if (!RunsStrides(*kernel, height, width)) continue;
    auto tiling = std::find_if(
        tilings.begin(), tilings.end(), [&](const Int8Tiling& tiling) {
          return SameBlock(tiling.block(), kernel->block);
        });
    if (tiling == tilings.end()) {
      tilings.push_back({MakeInt8Patch(kernel->block, height, width),
                         AlignedBytes(MakeInt8Shuffles(*description.weights,
                                                       *kernel, height, width)),
                         {}});
      tiling = tilings.end() - 1;
    }
    tiling->tiles.emplace_back(kernel, tiling->patch);
  }
  return tilings;
}

std::vector<const Int8Kernel*> FastestInt8Kernels(
    const Int8Kernel* const* table, uint32_t features, int group_size) {
  const auto is_small = [](const Int8Kernel& kernel) {
    return kernel.block.lane_bytes == kPartBytes;
  };
  const auto is_wide = [&](const Int8Kernel& kernel) {
    return !is_small(kernel);
  };
  auto kernels = FastestKernels(table, features, group_size, is_small);
  const auto wide = FastestKernels(table, features, group_size, is_wide);
  if (!kernels.empty() && !wide.empty() &&
      wide.front()->group_size == kernels.front()->group_size) {
    kernels.insert(kernels.end(), wide.begin(), wide.end());
  }
  return kernels;
}

}  // namespace tf_pconv

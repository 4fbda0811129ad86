#include "delegate/core/int8/patch.h"

#include <algorithm>

#include "delegate/core/int8/pairing.h"

namespace tf_pconv {
namespace {

// Three rows of a part fit into its bytes.
constexpr int kMaxPartColumns = 5;

int DivideUp(int a, int b) { return (a + b - 1) / b; }

// The byte of the patch's lanes that holds a pixel.
int ByteOf(const Int8Patch& patch, Int8Patch::Pixel pixel) {
  for (size_t part = 0; part < patch.parts.size(); ++part) {
    for (int i = 0; i < kPartBytes; ++i) {
      if (patch.parts[part].row + patch.bytes[i].row == pixel.row &&
          patch.parts[part].column + patch.bytes[i].column == pixel.column) {
        return static_cast<int>(part) * kPartBytes + i;
      }
    }
  }
  return 0;  // never: parts cover the patch
}

}  // namespace

Int8Patch MakeInt8Patch(const Int8Block& block, int stride_height,
                        int stride_width) {
  Int8Patch patch;
  patch.rows = (block.rows - 1) * stride_height + kKernelSide;
  patch.columns = (block.columns - 1) * stride_width + kKernelSide;
  const int across = DivideUp(patch.columns, kMaxPartColumns);
  const int part_columns = DivideUp(patch.columns, across);
  const int part_rows = std::min(kPartBytes / part_columns, patch.rows);
  const int down = DivideUp(patch.rows, part_rows);
  for (int i = 0; i < down; ++i) {
    for (int j = 0; j < across; ++j) {
      patch.parts.push_back(
          {std::min(i * part_rows, patch.rows - part_rows),
           std::min(j * part_columns, patch.columns - part_columns)});
    }
  }
  for (int i = 0; i < kPartBytes; ++i) {
    patch.bytes[i] = {std::min(i / part_columns, part_rows - 1),
                      i % part_columns};
  }
  patch.lanes = DivideUp(across * down * kPartBytes, block.lane_bytes);
  return patch;
}

bool RunsStrides(const Int8Kernel& kernel, int stride_height,
                 int stride_width) {
  const int lanes =
      MakeInt8Patch(kernel.block, stride_height, stride_width).lanes;
  return lanes <= kMaxPatchLanes && kernel.multiply[lanes - 1] != nullptr;
}

int64_t BlocksOf(const ActivationShape& output, const Int8Block& block) {
  return int64_t{output.batch} * DivideUp(output.height, block.rows) *
         DivideUp(output.width, block.columns);
}

int ArrangementCount(const Int8Kernel& kernel) {
  return kernel.narrow_sums ? kInt8ArrangementCount : 1;
}

std::vector<uint8_t> MakeInt8Shuffles(const PatternWeights& weights,
                                      const Int8Kernel& kernel,
                                      int stride_height, int stride_width) {
  constexpr uint8_t kAbsent = 0x80;
  const Int8Block& block = kernel.block;
  const Int8Patch patch = MakeInt8Patch(block, stride_height, stride_width);
  const int inputs = block.rows * block.columns * kPatternEntries;
  std::vector<uint8_t> shuffles;
  for (uint16_t mask : weights.patterns) {
    int taps[kPatternEntries], count = 0;
    for (int tap = 0; tap < kKernelTaps; ++tap) {
      if (mask >> tap & 1) taps[count++] = tap;
    }
    for (int arrangement = 0; arrangement < ArrangementCount(kernel);
         ++arrangement) {
      for (int lane = 0; lane < patch.lanes; ++lane) {
        for (int i = 0; i < inputs; ++i) {
          const int output = i / kPatternEntries;
          const int tap =
              taps[kInt8Arrangements[arrangement][i % kPatternEntries]];
          const int byte =
              ByteOf(
                  patch,
                  {output / block.columns * stride_height + tap / kKernelSide,
                   output % block.columns * stride_width + tap % kKernelSide}) -
              lane * block.lane_bytes;
          const bool present = byte >= 0 && byte < block.lane_bytes;
          shuffles.push_back(present ? static_cast<uint8_t>(byte) : kAbsent);
        }
      }
    }
  }
  return shuffles;
}

}  // namespace tf_pconv

#include "delegate/core/int8/conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/geometry.h"
#include "delegate/core/int8/pixels.h"
#include "delegate/core/int8/stream.h"
#include "delegate/core/int8/tiling.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/phases.h"
#include "delegate/core/thread_pool.h"
#include "delegate/core/tile_shares.h"
#include "delegate/core/window_conv.h"

namespace tf_pconv {
namespace {

// The lanes of a tile that one pass over the weights reads: they should stay
// in cache while all filters read them.
constexpr int kPassBytes = 64 * 1024;

// Channels of a pass: as few passes as `pass_bytes` allows, of about equal
// length; a little more where few channels would be left.
int PassChannels(int channels, size_t channel_bytes, int pass_bytes) {
  const int most = std::max(static_cast<int>(pass_bytes / channel_bytes),
                            kTransposedChannels);
  const int passes = (channels + most - 1) / most;
  const int equal = (channels + passes - 1) / passes;
  int pass = (equal + kTransposedChannels - 1) / kTransposedChannels *
             kTransposedChannels;
  // The last pass may be shorter, but a transpose of fewer channels would reach
  // past its lanes.
  while (pass < channels && channels % pass != 0 &&
         channels % pass < kTransposedChannels) {
    pass += kTransposedChannels;
  }
  return pass;
}

class Int8Conv : public WindowConv {
 public:
  Int8Conv(const ConvDescription& description,
           const std::vector<const Int8Kernel*>& kernels,
           const ConvTuning& tuning)
      : WindowConv(description),
        tilings_(MakeInt8Tilings(description, kernels)),
        tiling_(&tilings_.front()),
        stage_(MakeInt8OutputStage(description)),
        pixels_(sizes().channels, description.input_zero_point) {
    size_t channel_bytes = 0;
    for (const Int8Tiling& tiling : tilings_) {
      channel_bytes =
          std::max(channel_bytes, tiling.tiles.front().channel_bytes());
    }
    const int bytes = tuning.block_bytes > 0 ? tuning.block_bytes : kPassBytes;
    stream_ =
        PackInt8Stream(description, stage_, kernel(),
                       PassChannels(sizes().channels, channel_bytes, bytes));
  }

  Status Resize(const ActivationShape& input) override {
    const Status status = WindowConv::Resize(input);
    if (!status.ok()) return status;
    tiling_ = &*std::min_element(tilings_.begin(), tilings_.end(),
                                 [&](const Int8Tiling& a, const Int8Tiling& b) {
                                   return Operations(a) < Operations(b);
                                 });
    pixels_.Resize(geometry(), *tiling_);
    return status;
  }

  size_t WorkspaceBytes(int threads) const override {
    const int64_t tiles =
        TilesOf(pixels_.BlocksOf({0, geometry().output.height}));
    const int64_t shared = threads == 1 ? 0 : std::min<int64_t>(tiles, threads);
    return ThreadBytes() * threads + OutputsBytes() * shared;
  }

  int row_unit() const override { return tiling_->block().rows; }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool,
               PhaseTicks* ticks) const override {
    const int threads = pool == nullptr ? 1 : pool->threads();
    Call call = {this,
                 static_cast<const int8_t*>(inputs[0]),
                 static_cast<int8_t*>(output),
                 static_cast<uint8_t*>(workspace),
                 rows,
                 ticks,
                 pixels_.BlocksOf(rows)};
    call.tiles = TilesOf(call.blocks);
    const bool last_is_smaller =
        PlaceOf(call, call.tiles - 1).tile != &largest();
    call.shared_tiles = SharedTiles(call.tiles, last_is_smaller, threads);
    RunShares(pool, RunShare, &call);
    if (call.shared_tiles != 0) RunShares(pool, StoreShare, &call);
  }

  const char* kernel_name() const override { return kernel().name; }

 private:
  struct Call {
    const Int8Conv* conv;
    const int8_t* input;
    int8_t* output;
    uint8_t* workspace;
    RowRange rows;
    PhaseTicks* ticks;
    int64_t blocks;
    int64_t tiles = 0;
    int shared_tiles = 0;  // the last of the tiles
  };

  // With the largest tile.
  const Int8Tile& largest() const { return tiling_->tiles.front(); }
  const Int8Kernel& kernel() const { return *largest().kernel; }

  // About what a tiling costs: vector operations a byte of inputs.
  double Operations(const Int8Tiling& tiling) const {
    // Loads and shuffles, which filters of a group share.
    constexpr int kShared = 2;
    constexpr int kPacked = 10;
    const double multiplied = double(tiling.block_pixels()) * kPatternEntries *
                              stream_.entries * (kShared + kernel().group_size);
    const double packed =
        double(tiling.patch.lanes * tiling.block().lane_bytes) *
        sizes().channels * kPacked;
    return BlocksOf(geometry().output, tiling.block()) * (multiplied + packed);
  }

  // Parts of a thread's workspace.
  size_t LanesBytes() const {
    return AlignUp(largest().channel_bytes() * stream_.blocks[0].channels);
  }
  size_t SumsBytes() const {
    if (stream_.blocks.size() == 1) return 0;
    return AlignUp(sizeof(int32_t) * stream_.groups * kernel().group_size *
                   kernel().pixels);
  }
  // Outputs of a tile.
  size_t OutputsBytes() const {
    return AlignUp(size_t(stream_.rows) * kernel().pixels);
  }
  size_t DiscardedBytes() const { return AlignUp(sizes().filters); }
  size_t ThreadBytes() const {
    return LanesBytes() + SumsBytes() + OutputsBytes() + DiscardedBytes();
  }

  // What a thread works on.
  struct Workspace {
    Workspace(const Int8Conv& conv, const Call& call, int share, int shares)
        : lanes(call.workspace + conv.ThreadBytes() * share),
          sums(reinterpret_cast<int32_t*>(lanes + conv.LanesBytes())),
          outputs(reinterpret_cast<int8_t*>(lanes + conv.LanesBytes() +
                                            conv.SumsBytes())),
          discarded(outputs + conv.OutputsBytes()),
          shared_outputs(reinterpret_cast<int8_t*>(
              call.workspace + conv.ThreadBytes() * shares)) {}

    uint8_t* lanes;
    int32_t* sums;
    int8_t* outputs;
    int8_t* discarded;
    int8_t* shared_outputs;  // of shared tiles; for all threads
  };

  int64_t TilesOf(int64_t blocks) const {
    return (blocks + largest().blocks - 1) / largest().blocks;
  }

  // About what a tile costs: a fifth of the largest is the way of the weights
  // into registers, whatever the tile.
  int TileWork(const Int8Tile& tile) const {
    return largest().blocks + 4 * tile.blocks;
  }

  // The smallest tile that holds `blocks` blocks, or the largest there is.
  const Int8Tile& TileFor(int64_t blocks) const {
    const Int8Tile* chosen = &largest();
    for (const Int8Tile& tile : tiling_->tiles) {
      if (tile.blocks >= blocks) chosen = &tile;
    }
    return *chosen;
  }

  Int8TilePlace PlaceOf(const Call& call, int64_t tile) const {
    const int64_t first = tile * largest().blocks;
    const Int8Tile& shape = TileFor(call.blocks - first);
    return pixels_.PlaceOf(shape, call.rows, first,
                           std::min(first + shape.blocks, call.blocks));
  }

  static void RunShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    const Workspace workspace(*call.conv, call, share, shares);
    call.conv->RunTiles(call, workspace, share, shares);
    call.conv->MultiplyShared(call, workspace, share, shares);
  }

  static void StoreShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    const Workspace workspace(*call.conv, call, share, shares);
    call.conv->StoreShared(call, workspace, share, shares);
  }

  // Whole tiles, of all filters.
  void RunTiles(const Call& call, const Workspace& workspace, int share,
                int shares) const {
    const int64_t tiles = call.tiles - call.shared_tiles;
    const int64_t end = tiles * (share + 1) / shares;
    for (int64_t i = tiles * share / shares; i < end; ++i) {
      const Int8TilePlace place = PlaceOf(call, i);
      Multiply(call, place, 0, stream_.groups, workspace, workspace.outputs);
      Store(call, place, 0, sizes().filters, workspace, workspace.outputs);
    }
  }

  TileShares SharesOf(const Call& call, int parts) const {
    const Int8TilePlace last = PlaceOf(call, call.tiles - 1);
    return TileShares(call.shared_tiles, TileWork(largest()),
                      TileWork(*last.tile), parts);
  }

  // Some filters of the shared tiles.
  void MultiplyShared(const Call& call, const Workspace& workspace, int share,
                      int shares) const {
    if (call.shared_tiles == 0) return;
    SharesOf(call, stream_.groups)
        .ForEach(share, shares, [&](int64_t index, int first, int groups) {
          Multiply(call, PlaceOf(call, call.tiles - call.shared_tiles + index),
                   first, groups, workspace,
                   workspace.shared_outputs + OutputsBytes() * index);
        });
  }

  // Some channels of the shared tiles.
  void StoreShared(const Call& call, const Workspace& workspace, int share,
                   int shares) const {
    const int blocks = std::max(sizes().filters / kTransposedChannels, 1);
    SharesOf(call, blocks)
        .ForEach(share, shares, [&](int64_t index, int first, int count) {
          const int begin = first * kTransposedChannels;
          const int end = first + count == blocks
                              ? sizes().filters
                              : begin + count * kTransposedChannels;
          Store(call, PlaceOf(call, call.tiles - call.shared_tiles + index),
                begin, end - begin, workspace,
                workspace.shared_outputs + OutputsBytes() * index);
        });
  }

  // Outputs of some filter groups of a tile.
  void Multiply(const Call& call, const Int8TilePlace& place, int first_group,
                int groups, const Workspace& workspace, int8_t* outputs) const {
    PhaseClock clock(call.ticks);
    Int8InputPixels inputs;
    pixels_.FindInputs(place, call.input, &inputs);
    Int8MultiplyArgs args = {};
    args.lanes = workspace.lanes;
    args.shuffles = tiling_->shuffles.data();
    args.sums = workspace.sums;
    args.outputs = outputs;
    args.min = static_cast<int8_t>(stage_.min);
    args.max = static_cast<int8_t>(stage_.max);
    args.center = static_cast<int16_t>(2 * stage_.zero_point + 1);
    for (const Int8Stream::Block& pass : stream_.blocks) {
      Pack(*place.tile, inputs, pass, workspace.lanes);
      clock.End(Phase::kPack);
      args.first = &pass == &stream_.blocks.front();
      args.last = &pass == &stream_.blocks.back();
      pass.ForEachRun(first_group, groups, [&](size_t begin, int count) {
        args.stream = &stream_.words[begin];
        args.groups = count;
        place.tile->kernel->multiply[tiling_->patch.lanes - 1](&args);
      });
      clock.End(Phase::kMultiply);
    }
  }

  void Pack(const Int8Tile& tile, const Int8InputPixels& inputs,
            const Int8Stream::Block& block, uint8_t* lanes) const {
    const Int8Kernel& kernel = *tile.kernel;
    for (int part = 0; part < tile.parts; part += tile.vector_parts()) {
      const int8_t* const* pixels = inputs.at + part * kPartBytes;
      uint8_t* first = lanes + part * kPartBytes;
      if (pixels_.HasWholeParts(tile, inputs, part)) {
        kernel.pack_parts(inputs.parts + part, pixels_.byte_offsets(),
                          block.first_channel, block.channels, first,
                          tile.channel_bytes());
      } else if (block.channels >= kTransposedChannels) {
        kernel.pack(pixels, block.first_channel, block.channels, first,
                    tile.channel_bytes());
      } else {
        PackFew(tile, pixels, block, first);
      }
    }
  }

  // What Int8Kernel::pack does, for few channels.
  void PackFew(const Int8Tile& tile, const int8_t* const* pixels,
               const Int8Stream::Block& block, uint8_t* lanes) const {
    for (int i = 0; i < tile.kernel->vector_bytes; ++i) {
      for (int channel = 0; channel < block.channels; ++channel) {
        lanes[channel * tile.channel_bytes() + i] =
            static_cast<uint8_t>(pixels[i][block.first_channel + channel] +
                                 tile.kernel->input_offset);
      }
    }
  }

  // Writes `channels` outputs of a tile from `first` on.
  void Store(const Call& call, const Int8TilePlace& place, int first,
             int channels, const Workspace& workspace,
             const int8_t* outputs) const {
    PhaseClock clock(call.ticks);
    Int8OutputPixels pixels;
    pixels_.FindOutputs(place, call.output + first, workspace.discarded,
                        &pixels);
    const Int8Kernel& kernel = *place.tile->kernel;
    outputs += ptrdiff_t{first} * kernel.pixels;
    if (channels >= kTransposedChannels) {
      kernel.store(outputs, channels, kernel.pixels, pixels.at);
    } else {
      for (int channel = 0; channel < channels; ++channel) {
        for (int pixel = 0; pixel < kernel.pixels; ++pixel) {
          pixels.at[pixel][channel] = outputs[channel * kernel.pixels + pixel];
        }
      }
    }
    clock.End(Phase::kStore);
  }

  const std::vector<Int8Tiling> tilings_;
  const Int8Tiling* tiling_;  // the one that suits the output
  const Int8OutputStage stage_;
  Int8Pixels pixels_;
  Int8Stream stream_;
};

}  // namespace

std::unique_ptr<PatternConv> CreateInt8Conv(
    const ConvDescription& description, std::vector<const Int8Kernel*> kernels,
    const ConvTuning& tuning) {
  return std::make_unique<Int8Conv>(description, kernels, tuning);
}

}  // namespace tf_pconv

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
#include "delegate/core/tiled_conv.h"

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

class Int8Conv : public TiledConv {
 public:
  Int8Conv(const ConvDescription& description,
           const std::vector<const Int8Kernel*>& kernels,
           const ConvTuning& tuning)
      : TiledConv(description),
        tilings_(MakeInt8Tilings(description, kernels)),
        tiling_(&tilings_.front()),
        stage_(MakeInt8OutputStage(description)),
        pixels_(sizes().channels, description.input.zero_point) {
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

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    const Status status = WindowConv::Resize(inputs);
    if (!status.ok()) return status;
    tiling_ = &*std::min_element(tilings_.begin(), tilings_.end(),
                                 [&](const Int8Tiling& a, const Int8Tiling& b) {
                                   return Operations(a) < Operations(b);
                                 });
    pixels_.Resize(geometry(), *tiling_);
    return status;
  }

  int row_unit() const override { return tiling_->block().rows; }

  const char* kernel_name() const override { return kernel().name; }

 protected:
  int64_t TilesOf(RowRange rows) const override {
    return (pixels_.BlocksOf(rows) + largest().blocks - 1) / largest().blocks;
  }

  size_t ThreadBytes() const override {
    return LanesBytes(stream_.blocks[0].channels) + ScratchBytes() +
           OutputsBytes();
  }
  // Lanes of all channels: filters come by and by.
  size_t SharingThreadBytes() const override {
    return LanesBytes(sizes().channels) + ScratchBytes();
  }
  size_t SharedTileBytes() const override { return OutputsBytes(); }

  int filter_units() const override { return stream_.groups; }

  void RunTiles(const Call& call, WorkRange tiles, uint8_t* memory,
                PhaseClock* clock) const override {
    const Scratch scratch = ScratchAt(memory);
    uint8_t* lanes = memory + ScratchBytes();
    auto* outputs = reinterpret_cast<int8_t*>(
        lanes + LanesBytes(stream_.blocks[0].channels));
    Int8InputPixels inputs;
    for (int64_t tile = tiles.begin; tile < tiles.end; ++tile) {
      const Int8TilePlace place = PlaceOf(call, tile);
      pixels_.FindInputs(place, InputOf(call), &inputs);
      for (const Int8Stream::Block& pass : stream_.blocks) {
        Pack(*place.tile, inputs, pass, lanes);
        clock->End(Phase::kPack);
        Multiply(*place.tile, pass, 0, stream_.groups, lanes, scratch.sums,
                 outputs);
        clock->End(Phase::kMultiply);
      }
      Store(call, place, outputs, scratch.discarded);
      clock->End(Phase::kStore);
    }
  }

  void PackTile(const Call& call, int64_t tile,
                uint8_t* memory) const override {
    const Int8TilePlace place = PlaceOf(call, tile);
    Int8InputPixels inputs;
    pixels_.FindInputs(place, InputOf(call), &inputs);
    uint8_t* lanes = memory + ScratchBytes();
    for (const Int8Stream::Block& pass : stream_.blocks) {
      Pack(*place.tile, inputs, pass, LanesOf(*place.tile, pass, lanes));
    }
  }

  void MultiplyTile(const Call& call, int64_t tile, WorkRange groups,
                    uint8_t* memory, uint8_t* products) const override {
    const Int8Tile& shape = *PlaceOf(call, tile).tile;
    uint8_t* lanes = memory + ScratchBytes();
    for (const Int8Stream::Block& pass : stream_.blocks) {
      Multiply(shape, pass, static_cast<int>(groups.begin),
               static_cast<int>(groups.end - groups.begin),
               LanesOf(shape, pass, lanes), ScratchAt(memory).sums,
               reinterpret_cast<int8_t*>(products));
    }
  }

  void StoreTile(const Call& call, int64_t tile, uint8_t* memory,
                 const uint8_t* products) const override {
    Store(call, PlaceOf(call, tile), reinterpret_cast<const int8_t*>(products),
          ScratchAt(memory).discarded);
  }

 private:
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

  // Parts of a thread's memory.
  struct Scratch {
    int32_t* sums;
    int8_t* discarded;
  };
  size_t SumsBytes() const {
    if (stream_.blocks.size() == 1) return 0;
    return AlignUp(sizeof(int32_t) * stream_.groups * kernel().group_size *
                   kernel().pixels);
  }
  size_t ScratchBytes() const { return SumsBytes() + AlignUp(sizes().filters); }
  Scratch ScratchAt(uint8_t* memory) const {
    return {reinterpret_cast<int32_t*>(memory),
            reinterpret_cast<int8_t*>(memory + SumsBytes())};
  }
  size_t LanesBytes(int channels) const {
    return AlignUp(largest().channel_bytes() * channels);
  }
  // Outputs of a tile.
  size_t OutputsBytes() const {
    return AlignUp(size_t(stream_.rows) * kernel().pixels);
  }

  // The lanes of a pass among those of all channels.
  static uint8_t* LanesOf(const Int8Tile& tile, const Int8Stream::Block& pass,
                          uint8_t* lanes) {
    return lanes + tile.channel_bytes() * pass.first_channel;
  }

  static const int8_t* InputOf(const Call& call) {
    return static_cast<const int8_t*>(call.input);
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
    const int64_t blocks = pixels_.BlocksOf(call.rows);
    const int64_t first = tile * largest().blocks;
    const Int8Tile& shape = TileFor(blocks - first);
    return pixels_.PlaceOf(shape, call.rows, first,
                           std::min(first + shape.blocks, blocks));
  }

  // Multiplies the channels of a pass for some filter groups.
  void Multiply(const Int8Tile& tile, const Int8Stream::Block& pass,
                int first_group, int groups, const uint8_t* lanes,
                int32_t* sums, int8_t* outputs) const {
    Int8MultiplyArgs args = {};
    args.lanes = lanes;
    args.shuffles = tiling_->shuffles.data();
    args.sums = sums;
    args.outputs = outputs;
    args.min = static_cast<int8_t>(stage_.min);
    args.max = static_cast<int8_t>(stage_.max);
    args.center = stage_.center();
    args.first = &pass == &stream_.blocks.front();
    args.last = &pass == &stream_.blocks.back();
    pass.ForEachRun(first_group, groups, [&](size_t begin, int count) {
      args.stream = &stream_.words[begin];
      args.groups = count;
      tile.kernel->multiply[tiling_->patch.lanes - 1](&args);
    });
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

  // Writes the outputs of a tile.
  void Store(const Call& call, const Int8TilePlace& place,
             const int8_t* outputs, int8_t* discarded) const {
    Int8OutputPixels pixels;
    pixels_.FindOutputs(place, static_cast<int8_t*>(call.output), discarded,
                        &pixels);
    const Int8Kernel& kernel = *place.tile->kernel;
    if (sizes().filters >= kTransposedChannels) {
      kernel.store(outputs, sizes().filters, kernel.pixels, pixels.at);
      return;
    }
    for (int channel = 0; channel < sizes().filters; ++channel) {
      for (int pixel = 0; pixel < kernel.pixels; ++pixel) {
        pixels.at[pixel][channel] = outputs[channel * kernel.pixels + pixel];
      }
    }
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

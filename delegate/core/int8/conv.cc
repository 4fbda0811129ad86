#include "delegate/core/int8/conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/geometry.h"
#include "delegate/core/int8/stream.h"
#include "delegate/core/int8/tiling.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {
namespace {

constexpr int kMaxTilePixels = 128;
// Of small blocks, each with two lanes of one part.
constexpr int kMaxTileParts = kMaxTilePixels / 4 * kMaxPatchLanes;
// The least that Int8Kernel::pack and ::store transpose.
constexpr int kTransposedChannels = 16;
// The lanes of a tile that one pass over the weights reads: they should stay
// in cache while all filters read them.
constexpr int kPassBytes = 64 * 1024;

// Channels of a pass: as few passes as `pass_bytes` allows, of equal length.
int PassChannels(int channels, size_t channel_bytes, int pass_bytes) {
  const int most = std::max(static_cast<int>(pass_bytes / channel_bytes),
                            kTransposedChannels);
  const int passes = (channels + most - 1) / most;
  const int equal = (channels + passes - 1) / passes;
  // Whole transposes, but for the last pass.
  return (equal + kTransposedChannels - 1) / kTransposedChannels *
         kTransposedChannels;
}

class Int8Conv : public PatternConv {
 public:
  Int8Conv(const ConvDescription& description,
           const std::vector<const Int8Kernel*>& kernels,
           const ConvTuning& tuning)
      : tilings_(MakeInt8Tilings(description, kernels)),
        tiling_(&tilings_.front()),
        shape_(description),
        stage_(MakeInt8OutputStage(description)),
        padding_(shape_.channels,
                 static_cast<int8_t>(description.input_zero_point)) {
    size_t channel_bytes = 0;
    for (const Int8Tiling& tiling : tilings_) {
      channel_bytes =
          std::max(channel_bytes, tiling.tiles.front().channel_bytes());
    }
    const int bytes = tuning.block_bytes > 0 ? tuning.block_bytes : kPassBytes;
    stream_ =
        PackInt8Stream(description, stage_, kernel(),
                       PassChannels(shape_.channels, channel_bytes, bytes));
  }

  Status Resize(const ActivationShape& input) override {
    const Status status = ComputeGeometry(shape_, input, &geometry_);
    if (!status.ok()) return status;
    tiling_ = &*std::min_element(tilings_.begin(), tilings_.end(),
                                 [&](const Int8Tiling& a, const Int8Tiling& b) {
                                   return Operations(a) < Operations(b);
                                 });
    const Int8Block& block = tiling_->block();
    block_columns_ =
        (geometry_.output.width + block.columns - 1) / block.columns;
    const Int8Patch& patch = tiling_->patch;
    part_offsets_.clear();
    for (const Int8Patch::Pixel& pixel : patch.parts) {
      part_offsets_.push_back(OffsetOf(pixel));
    }
    for (int i = 0; i < kPartBytes; ++i) {
      byte_offsets_[i] = OffsetOf(patch.bytes[i]);
    }
    output_offsets_.clear();
    for (int i = 0; i < tiling_->block_pixels(); ++i) {
      const ptrdiff_t row = i / block.columns;
      output_offsets_.push_back(
          (row * geometry_.output.width + i % block.columns) * shape_.filters);
    }
    return status;
  }

  ActivationShape output_shape() const override { return geometry_.output; }

  size_t WorkspaceBytes(int threads) const override {
    return ThreadBytes() * threads;
  }

  RowRange InputRows(RowRange rows) const override {
    return tf_pconv::InputRows(geometry_, rows);
  }

  int row_unit() const override { return tiling_->block().rows; }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool) const override {
    const int unit = row_unit();
    const int block_rows = (rows.end - rows.begin + unit - 1) / unit;
    Call call = {this,
                 static_cast<const int8_t*>(inputs[0]),
                 static_cast<int8_t*>(output),
                 static_cast<uint8_t*>(workspace),
                 rows,
                 block_rows,
                 int64_t{geometry_.output.batch} * block_rows * block_columns_};
    RunShares(pool, RunShare, &call);
  }

  const char* kernel_name() const override { return kernel().name; }

 private:
  struct Call {
    const Int8Conv* conv;
    const int8_t* input;
    int8_t* output;
    uint8_t* workspace;
    RowRange rows;
    int block_rows;
    int64_t blocks;
  };

  // What a tile is packed from.
  struct InputPixels {
    // The first pixel of each part; null where its patch reaches past the
    // image.
    const int8_t* parts[kMaxTileParts];
    // Vectors with such a part are packed from these instead: the pixels of
    // the bytes of parts.
    const int8_t* at[kMaxTileParts * kPartBytes];
  };
  struct OutputPixels {
    int8_t* at[kMaxTilePixels];
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
        shape_.channels * kPacked;
    return BlocksOf(geometry_.output, tiling.block()) * (multiplied + packed);
  }

  // From a pixel of the input to another.
  ptrdiff_t OffsetOf(const Int8Patch::Pixel& pixel) const {
    return (ptrdiff_t{pixel.row} * geometry_.input.width + pixel.column) *
           shape_.channels;
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
  // One row more than there are filters, for those that fill up groups.
  size_t OutputsBytes() const {
    return AlignUp(size_t(shape_.filters + 1) * kernel().pixels);
  }
  size_t DiscardedBytes() const { return AlignUp(shape_.filters); }
  size_t ThreadBytes() const {
    return LanesBytes() + SumsBytes() + OutputsBytes() + DiscardedBytes();
  }

  // The smallest tile that holds `blocks` blocks, or the largest there is.
  const Int8Tile& TileFor(int64_t blocks) const {
    const Int8Tile* chosen = &largest();
    for (const Int8Tile& tile : tiling_->tiles) {
      if (tile.blocks >= blocks) chosen = &tile;
    }
    return *chosen;
  }

  static void RunShare(void* context, int share, int shares) {
    const Call& call = *static_cast<Call*>(context);
    call.conv->RunTiles(call, share, shares);
  }

  void RunTiles(const Call& call, int share, int shares) const {
    uint8_t* lanes = call.workspace + ThreadBytes() * share;
    uint8_t* sums = lanes + LanesBytes();
    uint8_t* outputs = sums + SumsBytes();
    uint8_t* discarded = outputs + OutputsBytes();

    Int8MultiplyArgs args = {};
    args.lanes = lanes;
    args.shuffles = tiling_->shuffles.data();
    args.groups = stream_.groups;
    args.sums = reinterpret_cast<int32_t*>(sums);
    args.outputs = reinterpret_cast<int8_t*>(outputs);
    args.min = static_cast<int8_t>(stage_.min);
    args.max = static_cast<int8_t>(stage_.max);
    args.center = static_cast<int16_t>(2 * stage_.zero_point + 1);

    // Shares are whole small tiles.
    const int unit = tiling_->tiles.back().blocks;
    const int64_t units = (call.blocks + unit - 1) / unit;
    const int64_t end =
        std::min(units * (share + 1) / shares * unit, call.blocks);
    InputPixels inputs;
    OutputPixels pixels;
    for (int64_t block = units * share / shares * unit; block < end;) {
      const Int8Tile& tile = TileFor(end - block);
      const int64_t tile_end = std::min(block + tile.blocks, end);
      FindPixels(call, tile, block, tile_end,
                 reinterpret_cast<int8_t*>(discarded), &inputs, &pixels);
      for (const Int8Stream::Block& pass : stream_.blocks) {
        Pack(tile, inputs, pass, lanes);
        args.stream = &stream_.words[pass.begin];
        args.first = &pass == &stream_.blocks.front();
        args.last = &pass == &stream_.blocks.back();
        tile.kernel->multiply[tiling_->patch.lanes - 1](&args);
      }
      Store(*tile.kernel, args.outputs, pixels);
      block = tile_end;
    }
  }

  // Finds what a tile of the blocks up to `end` is packed from and stored to.
  void FindPixels(const Call& call, const Int8Tile& tile, int64_t block,
                  int64_t end, int8_t* discarded, InputPixels* inputs,
                  OutputPixels* outputs) const {
    int column = static_cast<int>(block % block_columns_);
    int row = static_cast<int>(block / block_columns_ % call.block_rows);
    int image = static_cast<int>(block / block_columns_ / call.block_rows);
    const int pixels = static_cast<int>(output_offsets_.size());
    int8_t** at = outputs->at;
    for (int i = 0; i < tile.blocks; ++i, ++block, at += pixels) {
      if (block < end) {
        FindInputs(call, tile, i, image, row, column, inputs);
        FindOutputs(call, image, row, column, discarded, at);
      } else {
        PadInputs(tile, i, inputs);
        std::fill_n(at, pixels, discarded);
      }
      if (++column == block_columns_) {
        column = 0;
        if (++row == call.block_rows) {
          row = 0;
          ++image;
        }
      }
    }
    for (int part = 0; part < tile.parts; part += tile.vector_parts()) {
      if (HasWholeParts(tile, *inputs, part)) continue;
      for (int i = 0; i < tile.vector_parts(); ++i)
        SpreadPart(part + i, inputs);
    }
  }

  // Whether the vector that begins with `part` can be packed from its parts.
  bool HasWholeParts(const Int8Tile& tile, const InputPixels& inputs,
                     int part) const {
    const int8_t* const* begin = inputs.parts + part;
    const int8_t* const* end = begin + tile.vector_parts();
    return shape_.channels >= kTransposedChannels &&
           std::find(begin, end, nullptr) == end;
  }

  // Finds the pixels of a part that is whole.
  void SpreadPart(int part, InputPixels* inputs) const {
    const int8_t* first = inputs->parts[part];
    if (first == nullptr) return;
    for (int i = 0; i < kPartBytes; ++i) {
      inputs->at[part * kPartBytes + i] = first + byte_offsets_[i];
    }
  }

  // The inputs of the tile's block `i`.
  void FindInputs(const Call& call, const Int8Tile& tile, int i, int image,
                  int row, int column, InputPixels* inputs) const {
    const ActivationShape& shape = geometry_.input;
    const Int8Block& block = tile.kernel->block;
    const Int8Patch& patch = tiling_->patch;
    const int top =
        (call.rows.begin + row * block.rows) * shape_.stride_height -
        geometry_.pad_top;
    const int left =
        column * block.columns * shape_.stride_width - geometry_.pad_left;
    const bool whole = top >= 0 && top + patch.rows <= shape.height &&
                       left >= 0 && left + patch.columns <= shape.width;
    if (!whole) {
      FindClippedInputs(call, tile, i, image, top, left, inputs);
      return;
    }
    const ptrdiff_t first_row = ptrdiff_t{image} * shape.height + top;
    const int8_t* first =
        call.input + (first_row * shape.width + left) * shape_.channels;
    const int8_t** parts = inputs->parts + i * tile.lane_parts;
    for (size_t part = 0; part < part_offsets_.size(); ++part) {
      parts[tile.places[part]] = first + part_offsets_[part];
    }
  }

  // Those of a patch that reaches past the image.
  void FindClippedInputs(const Call& call, const Int8Tile& tile, int i,
                         int image, int top, int left,
                         InputPixels* inputs) const {
    const ActivationShape& shape = geometry_.input;
    const Int8Patch& patch = tiling_->patch;
    const ptrdiff_t first_row = ptrdiff_t{image} * shape.height;
    PadInputs(tile, i, inputs);
    for (size_t part = 0; part < patch.parts.size(); ++part) {
      const int8_t** pixels =
          inputs->at + (tile.places[part] + i * tile.lane_parts) * kPartBytes;
      for (int byte = 0; byte < kPartBytes; ++byte) {
        const int y = top + patch.parts[part].row + patch.bytes[byte].row;
        const int x =
            left + patch.parts[part].column + patch.bytes[byte].column;
        if (y >= 0 && y < shape.height && x >= 0 && x < shape.width) {
          pixels[byte] = call.input +
                         ((first_row + y) * shape.width + x) * shape_.channels;
        }
      }
    }
  }

  void PadInputs(const Int8Tile& tile, int i, InputPixels* inputs) const {
    for (int first : tile.places) {
      const int place = first + i * tile.lane_parts;
      inputs->parts[place] = nullptr;
      std::fill_n(inputs->at + place * kPartBytes, kPartBytes, padding_.data());
    }
  }

  // Where the outputs of a block go.
  void FindOutputs(const Call& call, int image, int row, int column,
                   int8_t* discarded, int8_t** pixels) const {
    const ActivationShape& shape = geometry_.output;
    const Int8Block& block = tiling_->block();
    const int y = call.rows.begin + row * block.rows;
    const int x = column * block.columns;
    const ptrdiff_t first_row = ptrdiff_t{image} * shape.height + y;
    int8_t* first =
        call.output + (first_row * shape.width + x) * shape.channels;
    const int rows = call.rows.end - y;
    const int columns = shape.width - x;
    if (rows >= block.rows && columns >= block.columns) {
      for (size_t i = 0; i < output_offsets_.size(); ++i) {
        pixels[i] = first + output_offsets_[i];
      }
      return;
    }
    for (int i = 0; i < tiling_->block_pixels(); ++i) {
      const bool inside =
          i / block.columns < rows && i % block.columns < columns;
      pixels[i] = inside ? first + output_offsets_[i] : discarded;
    }
  }

  void Pack(const Int8Tile& tile, const InputPixels& inputs,
            const Int8Stream::Block& block, uint8_t* lanes) const {
    const Int8Kernel& kernel = *tile.kernel;
    for (int part = 0; part < tile.parts; part += tile.vector_parts()) {
      const int8_t* const* pixels = inputs.at + part * kPartBytes;
      uint8_t* first = lanes + part * kPartBytes;
      if (HasWholeParts(tile, inputs, part)) {
        kernel.pack_parts(inputs.parts + part, byte_offsets_,
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

  void Store(const Int8Kernel& kernel, const int8_t* outputs,
             const OutputPixels& pixels) const {
    if (shape_.filters >= kTransposedChannels) {
      kernel.store(outputs, shape_.filters, kernel.pixels, pixels.at);
      return;
    }
    for (int filter = 0; filter < shape_.filters; ++filter) {
      for (int pixel = 0; pixel < kernel.pixels; ++pixel) {
        pixels.at[pixel][filter] = outputs[filter * kernel.pixels + pixel];
      }
    }
  }

  const std::vector<Int8Tiling> tilings_;
  const Int8Tiling* tiling_;  // the one that suits the output
  const ConvShape shape_;
  const Int8OutputStage stage_;
  const std::vector<int8_t> padding_;  // a pixel of zero points
  Int8Stream stream_;
  Geometry geometry_;
  int block_columns_ = 0;
  // From the first pixel of a patch to that of each part, and from there to
  // the pixel of each byte.
  std::vector<ptrdiff_t> part_offsets_;
  ptrdiff_t byte_offsets_[kPartBytes] = {};
  // From the first output of a block to each.
  std::vector<ptrdiff_t> output_offsets_;
};

}  // namespace

std::unique_ptr<PatternConv> CreateInt8Conv(
    const ConvDescription& description, std::vector<const Int8Kernel*> kernels,
    const ConvTuning& tuning) {
  return std::make_unique<Int8Conv>(description, kernels, tuning);
}

}  // namespace tf_pconv

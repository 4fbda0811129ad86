#include "delegate/core/int8_conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/geometry.h"
#include "delegate/core/int8_stream.h"
#include "delegate/core/output_stage.h"
#include "delegate/core/thread_pool.h"

namespace tf_pconv {
namespace {

// Outputs of a block: two rows of two.
constexpr int kBlockSide = 2;
constexpr int kMaxTilePixels = 128;
constexpr int kMaxTileLanes = kMaxTilePixels / kLanePixels;
// The least that Int8Kernel::pack and ::store transpose.
constexpr int kTransposedChannels = 16;
// The lanes of a tile that one pass over the weights reads: they should stay
// in cache while all filters read them.
constexpr int kPassBytes = 64 * 1024;

// Channels of a pass: as few passes as kPassBytes allows, of equal length.
int PassChannels(int channels, int channel_bytes) {
  const int most = std::max(kPassBytes / channel_bytes, kTransposedChannels);
  const int passes = (channels + most - 1) / most;
  const int equal = (channels + passes - 1) / passes;
  // Whole transposes, but for the last pass.
  return (equal + kTransposedChannels - 1) / kTransposedChannels *
         kTransposedChannels;
}

int TileLanes(const Int8Kernel& kernel) { return kernel.pixels / kLanePixels; }

class Int8Conv : public PatternConv {
 public:
  Int8Conv(const ConvDescription& description,
           std::vector<const Int8Kernel*> kernels)
      : kernels_(std::move(kernels)),
        kernel_(*kernels_.front()),
        shape_(description),
        patch_lanes_(
            PatchLanes(description.stride_height, description.stride_width)),
        stage_(MakeInt8OutputStage(description)),
        padding_(shape_.channels,
                 static_cast<int8_t>(description.input_zero_point)) {
    stream_ =
        PackInt8Stream(description, stage_, kernel_,
                       PassChannels(shape_.channels, ChannelBytes(kernel_)));
  }

  Status Resize(const ActivationShape& input) override {
    const Status status = ComputeGeometry(shape_, input, &geometry_);
    if (!status.ok()) return status;
    block_columns_ = (geometry_.output.width + kBlockSide - 1) / kBlockSide;
    const int patch_width = PatchWidth(shape_.stride_width);
    const int patch_height = shape_.stride_height + kKernelSide;
    for (int i = 0; i < kMaxPatchLanes * kLaneBytes; ++i) {
      // Bytes of a lane past the end of the patch hold any of its pixels.
      const int row = std::min(i / patch_width, patch_height - 1);
      patch_offsets_[i] =
          (ptrdiff_t{row} * input.width + i % patch_width) * shape_.channels;
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

  int row_unit() const override { return kBlockSide; }

  void RunRows(const void* const* inputs, void* output, RowRange rows,
               void* workspace, ThreadPool* pool) const override {
    const int block_rows =
        (rows.end - rows.begin + kBlockSide - 1) / kBlockSide;
    Call call = {this,
                 static_cast<const int8_t*>(inputs[0]),
                 static_cast<int8_t*>(output),
                 static_cast<uint8_t*>(workspace),
                 rows,
                 block_rows,
                 int64_t{geometry_.output.batch} * block_rows * block_columns_};
    RunShares(pool, RunShare, &call);
  }

  const char* kernel_name() const override { return kernel_.name; }

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
    // The first pixel of each block's patch; null where the patch reaches past
    // the image.
    const int8_t* patches[kMaxTileLanes];
    // Vectors with such a patch are packed from these instead: the pixels of
    // the lanes, lane by lane; the second lanes of patches follow the first of
    // all blocks.
    const int8_t* at[kMaxPatchLanes * kMaxTileLanes * kLaneBytes];
  };
  struct OutputPixels {
    int8_t* at[kMaxTilePixels];
  };

  // Parts of a thread's workspace.
  size_t LanesBytes() const {
    return AlignUp(ChannelBytes(kernel_) * stream_.blocks[0].channels);
  }
  size_t SumsBytes() const {
    if (stream_.blocks.size() == 1) return 0;
    return AlignUp(sizeof(int32_t) * stream_.groups * kernel_.group_size *
                   kernel_.pixels);
  }
  // One row more than there are filters, for those that fill up groups.
  size_t OutputsBytes() const {
    return AlignUp(size_t(shape_.filters + 1) * kernel_.pixels);
  }
  size_t DiscardedBytes() const { return AlignUp(shape_.filters); }
  size_t ThreadBytes() const {
    return LanesBytes() + SumsBytes() + OutputsBytes() + DiscardedBytes();
  }

  size_t ChannelBytes(const Int8Kernel& kernel) const {
    return size_t{kLaneBytes} * patch_lanes_ * TileLanes(kernel);
  }

  // The smallest tile that holds `blocks` blocks, or the largest there is.
  const Int8Kernel& KernelFor(int64_t blocks) const {
    const Int8Kernel* chosen = kernels_.front();
    for (const Int8Kernel* kernel : kernels_) {
      if (TileLanes(*kernel) >= blocks) chosen = kernel;
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
    args.shuffles = stream_.shuffles.data();
    args.groups = stream_.groups;
    args.sums = reinterpret_cast<int32_t*>(sums);
    args.outputs = reinterpret_cast<int8_t*>(outputs);
    args.min = static_cast<int8_t>(stage_.min);
    args.max = static_cast<int8_t>(stage_.max);
    args.center = static_cast<int16_t>(2 * stage_.zero_point + 1);

    // Shares are whole small tiles.
    const int unit = TileLanes(*kernels_.back());
    const int64_t units = (call.blocks + unit - 1) / unit;
    const int64_t end =
        std::min(units * (share + 1) / shares * unit, call.blocks);
    InputPixels inputs;
    OutputPixels pixels;
    for (int64_t block = units * share / shares * unit; block < end;) {
      const Int8Kernel& kernel = KernelFor(end - block);
      const int64_t tile_end = std::min(block + TileLanes(kernel), end);
      FindPixels(call, kernel, block, tile_end,
                 reinterpret_cast<int8_t*>(discarded), &inputs, &pixels);
      for (const Int8Stream::Block& pass : stream_.blocks) {
        Pack(kernel, inputs, pass, lanes);
        args.stream = &stream_.words[pass.begin];
        args.first = &pass == &stream_.blocks.front();
        args.last = &pass == &stream_.blocks.back();
        kernel.multiply[patch_lanes_ - 1](&args);
      }
      Store(kernel, args.outputs, pixels);
      block = tile_end;
    }
  }

  // Finds what a tile of the blocks up to `end` is packed from and stored to.
  void FindPixels(const Call& call, const Int8Kernel& kernel, int64_t block,
                  int64_t end, int8_t* discarded, InputPixels* inputs,
                  OutputPixels* outputs) const {
    int column = static_cast<int>(block % block_columns_);
    int row = static_cast<int>(block / block_columns_ % call.block_rows);
    int image = static_cast<int>(block / block_columns_ / call.block_rows);
    for (int lane = 0; lane < TileLanes(kernel); ++lane, ++block) {
      if (block < end) {
        FindInputs(kernel, call, image, row, column, lane, inputs);
        FindOutputs(call, discarded, image, row, column, lane, outputs);
      } else {
        inputs->patches[lane] = nullptr;
        for (int part = 0; part < patch_lanes_; ++part) {
          std::fill_n(InputsOf(kernel, part, lane, inputs), kLaneBytes,
                      padding_.data());
        }
        std::fill_n(outputs->at + lane * kLanePixels, kLanePixels, discarded);
      }
      if (++column == block_columns_) {
        column = 0;
        if (++row == call.block_rows) {
          row = 0;
          ++image;
        }
      }
    }
    for (int lane = 0; lane < TileLanes(kernel); lane += kernel.vector_lanes) {
      if (!HasWholePatches(kernel, *inputs, lane)) {
        SpreadPatches(kernel, lane, inputs);
      }
    }
  }

  // Whether the vector at `lane` can be packed from its patches.
  bool HasWholePatches(const Int8Kernel& kernel, const InputPixels& inputs,
                       int lane) const {
    const int8_t* const* patches = inputs.patches + lane;
    return shape_.channels >= kTransposedChannels &&
           std::find(patches, patches + kernel.vector_lanes, nullptr) ==
               patches + kernel.vector_lanes;
  }

  // Finds the pixels of those patches of a vector that are whole.
  void SpreadPatches(const Int8Kernel& kernel, int first_lane,
                     InputPixels* inputs) const {
    for (int lane = first_lane; lane < first_lane + kernel.vector_lanes;
         ++lane) {
      const int8_t* patch = inputs->patches[lane];
      if (patch == nullptr) continue;
      for (int part = 0; part < patch_lanes_; ++part) {
        const int8_t** pixels = InputsOf(kernel, part, lane, inputs);
        const ptrdiff_t* offsets = patch_offsets_ + part * kLaneBytes;
        for (int i = 0; i < kLaneBytes; ++i) pixels[i] = patch + offsets[i];
      }
    }
  }

  static const int8_t** InputsOf(const Int8Kernel& kernel, int part, int lane,
                                 InputPixels* inputs) {
    return inputs->at + (part * TileLanes(kernel) + lane) * kLaneBytes;
  }

  void FindInputs(const Int8Kernel& kernel, const Call& call, int image,
                  int row, int column, int lane, InputPixels* inputs) const {
    const ActivationShape& shape = geometry_.input;
    const int patch_height = shape_.stride_height + kKernelSide;
    const int patch_width = PatchWidth(shape_.stride_width);
    const int top =
        (call.rows.begin + row * kBlockSide) * shape_.stride_height -
        geometry_.pad_top;
    const int left =
        column * kBlockSide * shape_.stride_width - geometry_.pad_left;
    const ptrdiff_t first_row = ptrdiff_t{image} * shape.height;
    if (top >= 0 && top + patch_height <= shape.height && left >= 0 &&
        left + patch_width <= shape.width) {
      inputs->patches[lane] =
          call.input +
          ((first_row + top) * shape.width + left) * shape_.channels;
      return;
    }
    inputs->patches[lane] = nullptr;
    for (int i = 0; i < patch_lanes_ * kLaneBytes; ++i) {
      const int y = top + i / patch_width;
      const int x = left + i % patch_width;
      const bool inside =
          y >= 0 && y < shape.height && x >= 0 && x < shape.width;
      InputsOf(kernel, i / kLaneBytes, lane, inputs)[i % kLaneBytes] =
          inside ? call.input +
                       ((first_row + y) * shape.width + x) * shape_.channels
                 : padding_.data();
    }
  }

  void FindOutputs(const Call& call, int8_t* discarded, int image, int row,
                   int column, int lane, OutputPixels* outputs) const {
    const ActivationShape& shape = geometry_.output;
    const int y = call.rows.begin + row * kBlockSide;
    const int x = column * kBlockSide;
    const ptrdiff_t right = shape.channels;
    const ptrdiff_t down = right * shape.width;
    int8_t* first =
        call.output + (ptrdiff_t{image} * shape.height + y) * down + x * right;
    const bool has_right = x + 1 < shape.width;
    const bool has_down = y + 1 < call.rows.end;
    int8_t** pixels = outputs->at + lane * kLanePixels;
    pixels[0] = first;
    pixels[1] = has_right ? first + right : discarded;
    pixels[2] = has_down ? first + down : discarded;
    pixels[3] = has_right && has_down ? first + down + right : discarded;
  }

  void Pack(const Int8Kernel& kernel, const InputPixels& inputs,
            const Int8Stream::Block& block, uint8_t* lanes) const {
    for (int part = 0; part < patch_lanes_; ++part) {
      for (int lane = 0; lane < TileLanes(kernel);
           lane += kernel.vector_lanes) {
        const int place = part * TileLanes(kernel) + lane;
        const int8_t* const* pixels = inputs.at + place * kLaneBytes;
        uint8_t* first = lanes + place * kLaneBytes;
        if (HasWholePatches(kernel, inputs, lane)) {
          kernel.pack_patches(
              inputs.patches + lane, patch_offsets_ + part * kLaneBytes,
              block.first_channel, block.channels, first, ChannelBytes(kernel));
        } else if (block.channels >= kTransposedChannels) {
          kernel.pack(pixels, block.first_channel, block.channels, first,
                      ChannelBytes(kernel));
        } else {
          PackFew(kernel, pixels, block, first);
        }
      }
    }
  }

  // What Int8Kernel::pack does, for few channels.
  void PackFew(const Int8Kernel& kernel, const int8_t* const* pixels,
               const Int8Stream::Block& block, uint8_t* lanes) const {
    for (int i = 0; i < kernel.vector_lanes * kLaneBytes; ++i) {
      for (int channel = 0; channel < block.channels; ++channel) {
        lanes[channel * ChannelBytes(kernel) + i] = static_cast<uint8_t>(
            pixels[i][block.first_channel + channel] + kernel.input_offset);
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

  const std::vector<const Int8Kernel*> kernels_;
  const Int8Kernel& kernel_;  // with the largest tile
  const ConvShape shape_;
  const int patch_lanes_;
  const Int8OutputStage stage_;
  const std::vector<int8_t> padding_;  // a pixel of zero points
  Int8Stream stream_;
  Geometry geometry_;
  int block_columns_ = 0;
  // From the first pixel of a patch to the pixel of each byte of its lanes.
  ptrdiff_t patch_offsets_[kMaxPatchLanes * kLaneBytes] = {};
};

}  // namespace

std::unique_ptr<PatternConv> CreateInt8Conv(
    const ConvDescription& description,
    std::vector<const Int8Kernel*> kernels) {
  return std::make_unique<Int8Conv>(description, std::move(kernels));
}

}  // namespace tf_pconv

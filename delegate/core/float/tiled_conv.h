#ifndef TF_PCONV_DELEGATE_CORE_FLOAT_TILED_CONV_H_
#define TF_PCONV_DELEGATE_CORE_FLOAT_TILED_CONV_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "delegate/core/alignment.h"
#include "delegate/core/float/planes.h"
#include "delegate/core/float/store.h"
#include "delegate/core/float/stream.h"
#include "delegate/core/float/tiling.h"
#include "delegate/core/tiled_conv.h"

namespace tf_pconv {

// What float32 convolutions do alike, whatever their windows: weights packed
// for a tiling, and what a thread's memory holds.
class TiledFloatConv : public TiledConv {
 public:
  // Resize calls UseTiling; until then the first of the kernels, which come
  // largest first, stands for the tiling.
  TiledFloatConv(const ConvDescription& description,
                 std::vector<const FloatKernel*> kernels,
                 const ConvTuning& tuning)
      : TiledConv(description),
        block_bytes_(tuning.block_bytes),
        kernels_(std::move(kernels)),
        weights_(*description.weights),
        store_(description) {
    tiling_.kernel = kernels_.front();
  }

  const char* kernel_name() const override { return tiling_.kernel->name; }

 protected:
  size_t ThreadBytes() const override {
    return SharingThreadBytes() + SharedTileBytes();
  }
  size_t SharingThreadBytes() const override {
    return PlanesBytes() + AlignUp(sizeof(float) * sizes().filters);
  }
  // The sums of a tile.
  size_t SharedTileBytes() const override {
    return AlignUp(sizeof(float) * stream_.units * UnitFloats(*tiling_.kernel));
  }

  int filter_units() const override { return stream_.units; }

  // Parts of a thread's memory: planes, outputs that nobody reads, and the sums
  // of a whole tile.
  static float* PlanesAt(uint8_t* memory) {
    return reinterpret_cast<float*>(memory);
  }
  float* DiscardedAt(uint8_t* memory) const {
    return reinterpret_cast<float*>(memory + PlanesBytes());
  }
  float* SumsAt(uint8_t* memory) const {
    return reinterpret_cast<float*>(memory + SharingThreadBytes());
  }

  bool is_packed() const { return stream_.units != 0; }

  // Packs the weights for it.
  void UseTiling(const FloatTiling& tiling) {
    tiling_ = tiling;
    stream_ = PackFloatStream(weights_, tiling_);
  }

  // Sums of units of a tile, whose sums begin at `sums`. The kernel is that of
  // the tiling, or one with a smaller tile.
  void Multiply(const FloatKernel& kernel, const float* planes, WorkRange units,
                float* sums) const {
    FloatMultiplyArgs args = {};
    args.units = static_cast<int>(units.end - units.begin);
    args.sums = sums + units.begin * UnitFloats(kernel);
    args.first = true;
    for (const FloatStream::Block& block : stream_.blocks) {
      args.planes = planes + block.first_channel * tiling_.channel_floats();
      args.stream = stream_.words.data() + block.unit_begin[units.begin];
      kernel.multiply(&args);
      args.first = false;
    }
  }

  int block_bytes() const { return block_bytes_; }  // 0: the default
  const std::vector<const FloatKernel*>& kernels() const { return kernels_; }
  const PatternWeights& weights() const { return weights_; }
  const FloatStore& store() const { return store_; }
  const FloatTiling& tiling() const { return tiling_; }
  const FloatStream& stream() const { return stream_; }

 private:
  // Sums of a unit.
  static size_t UnitFloats(const FloatKernel& kernel) {
    return size_t(kernel.group_size) * kernel.pixels;
  }
  size_t PlanesBytes() const {
    return AlignUp(sizeof(float) * FloatPlanesSize(sizes().channels, tiling_));
  }

  const int block_bytes_;
  const std::vector<const FloatKernel*> kernels_;
  const PatternWeights weights_;
  const FloatStore store_;
  FloatTiling tiling_;
  FloatStream stream_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_FLOAT_TILED_CONV_H_

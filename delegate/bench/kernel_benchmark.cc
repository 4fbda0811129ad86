// Times every kernel of the list that this processor can run, pruned 8x, NHWC
// to NHWC, on one thread: on the layers of VGG-16 (L2 to L9 of PatDNN), those
// of 1x1 convolutions on layers of ResNet-50, and, dense, those of depthwise
// convolutions on layers of MobileNet-V2 (3x3) and of MobileNet-V3 and
// EfficientNet-B0 (5x5), and of stems on those of networks:
//
//   bazel run -c opt //delegate/bench:kernel_benchmark --
//       --benchmark_filter='g4.*/L6'
//
// Names are kernel/layer; "fastest-<type>-g<group size>" is what the library
// chooses for filter groups of that size.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/depthwise/kernel_table.h"
#include "delegate/core/float/kernel_table.h"
#include "delegate/core/int8/kernel_table.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/pointwise/kernel_table.h"
#include "delegate/core/stem/kernel_table.h"
#include "delegate/testing/random_conv.h"

namespace tf_pconv {
namespace {

struct Layer {
  const char* name;
  int channels;
  int filters;
  int side;
  int kernel_side = 3;
};

const std::vector<Layer> k3x3Layers = {
    {"L2", 64, 64, 224},  {"L3", 64, 128, 112}, {"L4", 128, 128, 112},
    {"L5", 128, 256, 56}, {"L6", 256, 256, 56}, {"L7", 256, 512, 28},
    {"L8", 512, 512, 28}, {"L9", 512, 512, 14},
};

const std::vector<Layer> k1x1Layers = {
    {"256to64at56", 256, 64, 56, 1},   {"64to256at56", 64, 256, 56, 1},
    {"512to128at28", 512, 128, 28, 1}, {"1024to256at14", 1024, 256, 14, 1},
    {"2048to512at7", 2048, 512, 7, 1},
};

struct DepthwiseLayer {
  const char* name;
  int channels;
  int side;
  int stride;
};

const std::vector<DepthwiseLayer> kDepthwise3x3Layers = {
    {"32at112", 32, 112, 1},   {"96at112s2", 96, 112, 2},
    {"144at56", 144, 56, 1},   {"144at56s2", 144, 56, 2},
    {"192at28", 192, 28, 1},   {"192at28s2", 192, 28, 2},
    {"384at14", 384, 14, 1},   {"576at14", 576, 14, 1},
    {"576at14s2", 576, 14, 2}, {"960at7", 960, 7, 1},
};

const std::vector<DepthwiseLayer> kDepthwise5x5Layers = {
    {"72at56s2", 72, 56, 2},   {"144at56s2", 144, 56, 2},
    {"120at28", 120, 28, 1},   {"240at28", 240, 28, 1},
    {"480at14", 480, 14, 1},   {"672at14", 672, 14, 1},
    {"672at14s2", 672, 14, 2}, {"960at7", 960, 7, 1},
    {"1152at7", 1152, 7, 1},
};

struct StemLayer {
  const char* name;
  int kernel_side;
  int stride;
  int filters;
  int side;
};

const std::vector<StemLayer> kStemLayers = {
    {"VGG-16", 3, 1, 64, 224},       {"ResNet-50", 7, 2, 64, 230},
    {"MobileNet-V2", 3, 2, 32, 224}, {"MobileNet-V3", 3, 2, 16, 224},
    {"ConvNeXt", 4, 4, 96, 224},     {"CIFAR-VGG", 3, 1, 64, 32},
};

constexpr double kCompression = 8.0;

// Times a convolution of `products` multiply-adds, were it dense.
void Time(benchmark::State& state, const std::string& kernel,
          const ConvDescription& description, const ActivationShape& shape,
          double products) {
  PatternConvOptions options;
  options.kernel = kernel.c_str();
  Status status;
  const auto conv = PatternConv::Create(description, options, &status);
  if (status.ok()) status = conv->Resize({shape});
  if (!status.ok()) {
    state.SkipWithError(status.message());
    return;
  }
  const size_t pixels = size_t(shape.height) * shape.width;
  const std::vector<int8_t> bytes = RandomInt8(pixels * shape.channels, 1);
  const std::vector<float> floats = RandomFloat(pixels * shape.channels, 1);
  const bool is_int8 = description.type() == DataType::kInt8;
  const void* input = is_int8 ? static_cast<const void*>(bytes.data())
                              : static_cast<const void*>(floats.data());
  std::vector<float> output(pixels * description.filters());
  void* workspace = nullptr;
  if (posix_memalign(&workspace, 64, conv->WorkspaceBytes(1) + 1) != 0) {
    state.SkipWithError("out of memory");
    return;
  }
  for (auto _ : state) {
    conv->Run(input, output.data(), workspace, nullptr);
    benchmark::ClobberMemory();
  }
  free(workspace);
  state.SetLabel(conv->kernel_name());
  // Operations of the dense layer.
  state.counters["dense_op/s"] = benchmark::Counter(
      2.0 * products, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["predicted"] = PredictCost(description, shape).speedup();
}

void RunLayer(benchmark::State& state, const std::string& kernel, DataType type,
              int group_size, const Layer& layer) {
  RandomConvOptions options;
  options.type = type;
  options.kernel_side = layer.kernel_side;
  options.channels = layer.channels;
  options.filters = layer.filters;
  options.group_size = group_size;
  options.compression = kCompression;
  const RandomConv random(options);
  Time(state, kernel, random.description(),
       {1, layer.side, layer.side, layer.channels},
       double(layer.kernel_side) * layer.kernel_side * layer.channels *
           layer.filters * layer.side * layer.side);
}

void RunDepthwise(benchmark::State& state, const std::string& kernel,
                  DataType type, int kernel_side, const DepthwiseLayer& layer) {
  RandomConvOptions options = DenseDepthwise(kernel_side);
  options.type = type;
  options.channels = layer.channels;
  options.stride_height = options.stride_width = layer.stride;
  const RandomConv random(options);
  Time(state, kernel, random.description(),
       {1, layer.side, layer.side, layer.channels},
       double(kernel_side) * kernel_side * layer.channels * layer.side *
           layer.side / (layer.stride * layer.stride));
}

void RunStem(benchmark::State& state, const std::string& kernel, DataType type,
             const StemLayer& layer) {
  RandomConvOptions options = Stem();
  options.type = type;
  options.kernel_side = layer.kernel_side;
  options.filters = layer.filters;
  options.stride_height = options.stride_width = layer.stride;
  const RandomConv random(options);
  Time(state, kernel, random.description(), {1, layer.side, layer.side, 3},
       double(layer.kernel_side) * layer.kernel_side * 3 * layer.filters *
           layer.side * layer.side / (layer.stride * layer.stride));
}

void Register(const std::string& name, const std::string& kernel, DataType type,
              int group_size, const std::vector<Layer>& layers) {
  for (const Layer& layer : layers) {
    benchmark::RegisterBenchmark((name + "/" + layer.name).c_str(),
                                 [=](benchmark::State& state) {
                                   RunLayer(state, kernel, type, group_size,
                                            layer);
                                 })
        ->Unit(benchmark::kMillisecond);
  }
}

void RegisterDepthwise(const std::string& name, const std::string& kernel,
                       DataType type, int kernel_side) {
  const auto& layers =
      kernel_side == 3 ? kDepthwise3x3Layers : kDepthwise5x5Layers;
  for (const DepthwiseLayer& layer : layers) {
    benchmark::RegisterBenchmark((name + "/" + layer.name).c_str(),
                                 [=](benchmark::State& state) {
                                   RunDepthwise(state, kernel, type,
                                                kernel_side, layer);
                                 })
        ->Unit(benchmark::kMicrosecond);
  }
}

template <typename Kernel>
void RegisterTable(const Kernel* const* table, DataType type,
                   const std::vector<Layer>& layers) {
  const uint32_t features = CpuFeatures();
  for (; *table != nullptr; ++table) {
    if (!CanRun(**table, features)) continue;
    Register((*table)->name, (*table)->name, type, (*table)->group_size,
             layers);
  }
}

template <typename Kernel>
void RegisterDepthwiseTable(const Kernel* const* table, DataType type) {
  const uint32_t features = CpuFeatures();
  for (; *table != nullptr; ++table) {
    if (!CanRun(**table, features)) continue;
    RegisterDepthwise((*table)->name, (*table)->name, type, (*table)->side);
  }
}

void RegisterStemTable(const StemKernel* const* table, DataType type) {
  const uint32_t features = CpuFeatures();
  for (; *table != nullptr; ++table) {
    if (!CanRun(**table, features)) continue;
    const std::string name = (*table)->name;
    for (const StemLayer& layer : kStemLayers) {
      benchmark::RegisterBenchmark(
          (name + "/" + layer.name).c_str(),
          [=](benchmark::State& state) { RunStem(state, name, type, layer); })
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

void RegisterAll() {
  for (int group_size : {1, 2, 4, 8, 16}) {
    const std::string suffix = "-g" + std::to_string(group_size);
    Register("fastest-qs8" + suffix, "", DataType::kInt8, group_size,
             k3x3Layers);
    Register("fastest-qs8-pointwise" + suffix, "", DataType::kInt8, group_size,
             k1x1Layers);
    Register("fastest-f32" + suffix, "", DataType::kFloat32, group_size,
             k3x3Layers);
  }
  RegisterTable(native::kInt8Kernels, DataType::kInt8, k3x3Layers);
  RegisterTable(native::kFloatKernels, DataType::kFloat32, k3x3Layers);
  RegisterTable(native::kPointwiseKernels, DataType::kInt8, k1x1Layers);
  RegisterDepthwiseTable(native::kDepthwiseKernels, DataType::kInt8);
  RegisterDepthwiseTable(native::kFloatDepthwiseKernels, DataType::kFloat32);
  RegisterStemTable(native::kStemKernels, DataType::kInt8);
  RegisterStemTable(native::kFloatStemKernels, DataType::kFloat32);
}

}  // namespace
}  // namespace tf_pconv

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  tf_pconv::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

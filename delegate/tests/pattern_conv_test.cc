// Creation of convolutions: what is refused and which kernel is chosen.

#include "delegate/core/pattern_conv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "delegate/core/cpu.h"
#include "delegate/core/depthwise/kernel_table.h"
#include "delegate/core/float/kernel_table.h"
#include "delegate/core/int8/kernel_table.h"
#include "delegate/core/int8/tiling.h"
#include "delegate/core/kernel_choice.h"
#include "delegate/core/kernel_names.h"
#include "delegate/core/pointwise/conv.h"
#include "delegate/core/pointwise/kernel_table.h"
#include "delegate/core/reference.h"
#include "delegate/core/stem/kernel_table.h"
#include "delegate/testing/conv_check.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {
namespace {

struct Malformation {
  const char* sentence;  // part of the error
  DataType type;
  std::function<void(PatternWeights*, ConvDescription*)> apply;
};

const Malformation kMalformations[] = {
    {"no weights", DataType::kInt8,
     [](PatternWeights*, ConvDescription* d) { d->weights = nullptr; }},
    {"stride 3x1", DataType::kInt8,
     [](PatternWeights*, ConvDescription* d) { d->stride_height = 3; }},
    {"stride 1x0", DataType::kInt8,
     [](PatternWeights*, ConvDescription* d) { d->stride_width = 0; }},
    {"padding 7", DataType::kInt8,
     [](PatternWeights*, ConvDescription* d) {
       d->padding = static_cast<Padding>(7);
     }},
    {"activation 9", DataType::kInt8,
     [](PatternWeights*, ConvDescription* d) {
       d->activation = static_cast<Activation>(9);
     }},
    {"weight type 5", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) {
       w->type = static_cast<DataType>(5);
     }},
    {"0 filters", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->filters = 0; }},
    {"of -1 channels", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->channels = -1; }},
    {"group size 0", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->group_size = 0; }},
    {"0 patterns", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->patterns.clear(); }},
    {"5x5 kernels", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->kernel_side = 5; }},
    {"one pattern, of mask 1", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->kernel_side = 1; }},
    {"pattern mask 0x7", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->patterns[1] = 7; }},
    {"pattern mask 0x207", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->patterns[1] = 0x207; }},
    {"not a permutation", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) {
       w->filter_order[0] = w->filter_order[1];
     }},
    {"not a permutation", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->filter_order[0] = -1; }},
    {"filter order has", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->filter_order.pop_back(); }},
    {"group boundaries", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->group_begin.pop_back(); }},
    {"group boundaries go", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { ++w->group_begin.back(); }},
    {"ends before it begins", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->group_begin[1] = 1000000; }},
    {"channel 16", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->kernels[2].channel = 16; }},
    {"pattern 8", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->kernels[2].pattern = 8; }},
    {"weight values", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->int8_values.pop_back(); }},
    {"weight values", DataType::kFloat32,
     [](PatternWeights* w, ConvDescription*) { w->float_values.push_back(0); }},
    {"weight scales", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->scales.pop_back(); }},
    {"scale of filter 3 is 0", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->scales[3] = 0; }},
    {"scale of filter 3 is nan", DataType::kInt8,
     [](PatternWeights* w, ConvDescription*) { w->scales[3] = NAN; }},
    {"finite", DataType::kInt8,
     [](PatternWeights* w, ConvDescription* d) {
       w->scales[0] = 1e30f;
       d->output.scale = 1e-30f;
     }},
    {"scale of the input is 0", DataType::kInt8,
     [](PatternWeights*, ConvDescription* d) { d->input.scale = 0; }},
    {"scale of the output is -1", DataType::kInt8,
     [](PatternWeights*, ConvDescription* d) { d->output.scale = -1; }},
    {"zero point of the input is 128", DataType::kInt8,
     [](PatternWeights*, ConvDescription* d) { d->input.zero_point = 128; }},
    {"zero point of the output is -129", DataType::kInt8,
     [](PatternWeights*, ConvDescription* d) { d->output.zero_point = -129; }},
    {"int32 bias, not float", DataType::kInt8,
     [](PatternWeights*, ConvDescription* d) {
       static const float bias[16] = {};
       d->float_bias = bias;
     }},
    {"float bias, not int32", DataType::kFloat32,
     [](PatternWeights*, ConvDescription* d) {
       static const int32_t bias[16] = {};
       d->int32_bias = bias;
     }},
};

void ExpectRefused(const ConvDescription& description, const char* sentence) {
  Status status;
  EXPECT_EQ(PatternConv::Create(description, {}, &status), nullptr);
  EXPECT_NE(std::string(status.message()).find(sentence), std::string::npos)
      << "expected: " << sentence << "\nreceived: " << status.message();
  EXPECT_EQ(PredictCost(description, {1, 8, 8, 16}).speedup(), 0.0);
}

TEST(CreateTest, RefusesMalformedDescriptions) {
  for (const Malformation& malformation : kMalformations) {
    RandomConvOptions options;
    options.type = malformation.type;
    RandomConv random(options);
    ConvDescription description = random.description();
    malformation.apply(&random.weights(), &description);
    ExpectRefused(description, malformation.sentence);
  }
}

TEST(DepthwiseTest, MalformedDescriptionsAreRefused) {
  struct Case {
    const char* sentence;
    std::function<void(DepthwiseWeights*, ConvDescription*)> apply;
  };
  const PatternWeights patterns;
  const Case cases[] = {
      {"weight type 5",
       [](DepthwiseWeights* w, ConvDescription*) {
         w->type = static_cast<DataType>(5);
       }},
      {"0 channels",
       [](DepthwiseWeights* w, ConvDescription*) { w->channels = 0; }},
      {"depthwise 4x4 kernels",
       [](DepthwiseWeights* w, ConvDescription*) { w->kernel_side = 4; }},
      {"143 weight values for 16 channels; each has 9",
       [](DepthwiseWeights* w, ConvDescription*) {
         w->int8_values.pop_back();
       }},
      {"144 weight values for 16 channels; each has 25",
       [](DepthwiseWeights* w, ConvDescription*) { w->kernel_side = 5; }},
      {"15 weight scales",
       [](DepthwiseWeights* w, ConvDescription*) { w->scales.pop_back(); }},
      {"scale of filter 3",
       [](DepthwiseWeights* w, ConvDescription*) { w->scales[3] = 0; }},
      {"stride 3x1",
       [](DepthwiseWeights*, ConvDescription* d) { d->stride_height = 3; }},
      {"weights of several kinds",
       [&](DepthwiseWeights*, ConvDescription* d) { d->weights = &patterns; }},
  };
  for (const Case& malformed : cases) {
    RandomConv random(DenseDepthwise());
    ConvDescription description = random.description();
    malformed.apply(&random.depthwise_weights(), &description);
    ExpectRefused(description, malformed.sentence);
  }
}

TEST(StemTest, MalformedDescriptionsAreRefused) {
  struct Case {
    const char* sentence;
    std::function<void(StemWeights*, ConvDescription*)> apply;
  };
  const DepthwiseWeights depthwise;
  const Case cases[] = {
      {"weight type 5",
       [](StemWeights* w, ConvDescription*) {
         w->type = static_cast<DataType>(5);
       }},
      {"0x3 kernels",
       [](StemWeights* w, ConvDescription*) { w->kernel_height = 0; }},
      {"3x33 kernels",
       [](StemWeights* w, ConvDescription*) { w->kernel_width = 33; }},
      {"16 filters of 9 channels",
       [](StemWeights* w, ConvDescription*) { w->channels = 9; }},
      {"0 filters", [](StemWeights* w, ConvDescription*) { w->filters = 0; }},
      {"431 weight values for 16 filters; each has 27",
       [](StemWeights* w, ConvDescription*) { w->int8_values.pop_back(); }},
      {"15 weight scales",
       [](StemWeights* w, ConvDescription*) { w->scales.pop_back(); }},
      {"stride 33x1; 1 to 32",
       [](StemWeights*, ConvDescription* d) { d->stride_height = 33; }},
      {"stride 1x0",
       [](StemWeights*, ConvDescription* d) { d->stride_width = 0; }},
      {"weights of several kinds",
       [&](StemWeights*, ConvDescription* d) { d->depthwise = &depthwise; }},
  };
  for (const Case& malformed : cases) {
    RandomConv random(Stem());
    ConvDescription description = random.description();
    malformed.apply(&random.stem_weights(), &description);
    ExpectRefused(description, malformed.sentence);
  }
}

// The name of the kernel chosen, or the error.
std::string ChooseKernel(const RandomConvOptions& options, const char* kernel) {
  const RandomConv random(options);
  PatternConvOptions conv_options;
  conv_options.kernel = kernel;
  Status status;
  const auto conv =
      PatternConv::Create(random.description(), conv_options, &status);
  EXPECT_EQ(conv == nullptr, !status.ok());
  return conv == nullptr ? status.message() : conv->kernel_name();
}

// All kernels of a table; `options` tells of each a convolution that it can
// run.
template <typename Kernel, typename Options>
void ExpectEachCanBeForced(const Kernel* const* table, const Options& options) {
  for (; *table != nullptr; ++table) {
    const std::string chosen = ChooseKernel(options(**table), (*table)->name);
    if (CanRun(**table, CpuFeatures())) {
      EXPECT_EQ(chosen, (*table)->name);
    } else {
      EXPECT_NE(chosen.find("lacks"), std::string::npos) << chosen;
    }
  }
}

class DepthwiseKernelTest : public testing::Test {
 protected:
  static RandomConvOptions Options(DataType type, int side, int channels) {
    RandomConvOptions options = DenseDepthwise(side);
    options.type = type;
    options.channels = channels;
    return options;
  }

  static std::string Choose(DataType type, int side, int channels,
                            const char* kernel = "") {
    return ChooseKernel(Options(type, side, channels), kernel);
  }
};

TEST_F(DepthwiseKernelTest, TheFastestKernelRunsButForFewChannels) {
  for (const int side : {3, 5}) {
    const DepthwiseKernel* int8 = FastestKernel(
        native::kDepthwiseKernels, CpuFeatures(),
        [=](const DepthwiseKernel& kernel) { return kernel.side == side; });
    EXPECT_EQ(int8 == nullptr, CpuFeatures() == 0);
    EXPECT_EQ(Choose(DataType::kInt8, side, 15), "reference");
    EXPECT_EQ(Choose(DataType::kInt8, side, 16),
              int8 ? int8->name : "reference");
    for (const int channels : {7, 8, 15, 16}) {
      const FloatDepthwiseKernel* float32 = FastestKernel(
          native::kFloatDepthwiseKernels, CpuFeatures(),
          [=](const FloatDepthwiseKernel& kernel) {
            return kernel.side == side && kernel.channels <= channels;
          });
      EXPECT_EQ(float32 == nullptr, channels < 8 || CpuFeatures() == 0);
      EXPECT_EQ(Choose(DataType::kFloat32, side, channels),
                float32 ? float32->name : "reference");
    }
  }
}

TEST_F(DepthwiseKernelTest, EachKernelThatRunsHereCanBeForced) {
  ExpectEachCanBeForced(native::kDepthwiseKernels,
                        [](const DepthwiseKernel& kernel) {
                          return Options(DataType::kInt8, kernel.side, 16);
                        });
  ExpectEachCanBeForced(native::kFloatDepthwiseKernels,
                        [](const FloatDepthwiseKernel& kernel) {
                          return Options(DataType::kFloat32, kernel.side, 16);
                        });
}

TEST_F(DepthwiseKernelTest, KernelsOfMoreChannelsThanThereAreAreAnError) {
  for (auto table = native::kFloatDepthwiseKernels; *table != nullptr;
       ++table) {
    if (!CanRun(**table, CpuFeatures())) continue;
    const std::string error = Choose(DataType::kFloat32, (*table)->side,
                                     (*table)->channels - 1, (*table)->name);
    EXPECT_NE(error.find("so few channels"), std::string::npos) << error;
  }
}

TEST_F(DepthwiseKernelTest, KernelsOfOtherWindowsAreAnError) {
  const auto check = [&](const auto* const* table, DataType type) {
    for (; *table != nullptr; ++table) {
      if (!CanRun(**table, CpuFeatures())) continue;
      const std::string error =
          Choose(type, 8 - (*table)->side, 16, (*table)->name);
      EXPECT_NE(error.find("windows of this size"), std::string::npos) << error;
    }
  };
  check(native::kDepthwiseKernels, DataType::kInt8);
  check(native::kFloatDepthwiseKernels, DataType::kFloat32);
}

class StemKernelTest : public testing::Test {
 protected:
  static RandomConvOptions Options(DataType type, int filters) {
    RandomConvOptions options = Stem();
    options.type = type;
    options.filters = filters;
    return options;
  }

  // What is chosen without a name.
  static void ExpectFastest(const StemKernel* const* table, DataType type) {
    const StemKernel* fastest = FastestKernel(table, CpuFeatures());
    EXPECT_EQ(ChooseKernel(Options(type, 16), ""),
              fastest ? fastest->name : "reference");
    EXPECT_EQ(ChooseKernel(Options(type, 15), ""), "reference");
  }
};

TEST_F(StemKernelTest, TheFastestKernelRunsButForFewFilters) {
  ExpectFastest(native::kStemKernels, DataType::kInt8);
  ExpectFastest(native::kFloatStemKernels, DataType::kFloat32);
}

TEST_F(StemKernelTest, EachKernelThatRunsHereCanBeForced) {
  for (const auto table : {native::kStemKernels, native::kFloatStemKernels}) {
    ExpectEachCanBeForced(table, [=](const StemKernel&) {
      return Options(
          table == native::kStemKernels ? DataType::kInt8 : DataType::kFloat32,
          16);
    });
  }
}

TEST_F(StemKernelTest, KernelsForFewFiltersAreAnError) {
  for (auto table = native::kStemKernels; *table != nullptr; ++table) {
    if (!CanRun(**table, CpuFeatures())) continue;
    const std::string error =
        ChooseKernel(Options(DataType::kInt8, 15), (*table)->name);
    EXPECT_NE(error.find("so few filters"), std::string::npos) << error;
  }
}

class KernelNameTest : public testing::Test {
 protected:
  std::string Choose(DataType type, int group_size, const char* kernel,
                     int kernel_side = 3) {
    RandomConvOptions options;
    options.type = type;
    options.kernel_side = kernel_side;
    options.group_size = group_size;
    return ChooseKernel(options, kernel);
  }
};

TEST_F(KernelNameTest, EachKernelThatRunsHereCanBeForced) {
  const uint32_t features = CpuFeatures();
  for (auto entry = native::kInt8Kernels; *entry != nullptr; ++entry) {
    const std::string chosen = Choose(DataType::kInt8, 3, (*entry)->name);
    if (CanRun(**entry, features)) {
      EXPECT_EQ(chosen, (*entry)->name);
    } else {
      EXPECT_NE(chosen.find("lacks"), std::string::npos) << chosen;
    }
  }
  EXPECT_EQ(Choose(DataType::kInt8, 1, "reference"), "reference");
  EXPECT_EQ(Choose(DataType::kFloat32, 1, "reference"), "reference");
}

TEST_F(KernelNameTest, KernelsOf1x1ConvolutionsAreTheirOwn) {
  const PointwiseKernel& int8 = *native::kPointwiseKernels[0];
  const FloatKernel& float32 = *native::kFloatPointwiseKernels[0];
  if (CanRun(int8, CpuFeatures())) {
    EXPECT_EQ(Choose(DataType::kInt8, 3, int8.name, 1), int8.name);
    EXPECT_EQ(Choose(DataType::kFloat32, 3, float32.name, 1), float32.name);
  }
  for (const std::string& error :
       {Choose(DataType::kInt8, 3, int8.name),
        Choose(DataType::kInt8, 3, native::kInt8Kernels[0]->name, 1),
        Choose(DataType::kFloat32, 3, float32.name),
        Choose(DataType::kFloat32, 3, native::kFloatKernels[0]->name, 1),
        Choose(DataType::kFloat32, 3, int8.name, 1)}) {
    EXPECT_NE(error.find("not one for this type"), std::string::npos) << error;
  }
  EXPECT_EQ(Choose(DataType::kFloat32, 4, "reference", 1), "reference");
}

TEST_F(KernelNameTest, UnknownNamesAreErrorsWithTheNearestKnown) {
  const std::string error = Choose(DataType::kInt8, 4, "qs8-pconv-g4-p46-avx2");
  const auto says = [&](const std::string& words) {
    return error.find(words) != std::string::npos;
  };
  EXPECT_TRUE(says("\"qs8-pconv-g4-p46-avx2\"")) << error;
  EXPECT_TRUE(
      says("accepted for this convolution on this processor: "
           "reference"))
      << error;
  if (CpuFeatures() & kAvx2) {
    EXPECT_TRUE(says("reference, qs8-pconv-g4-p16-avx2, ")) << error;
  }
  // Whatever the processor, a sentence and not a list.
  EXPECT_LT(error.size(), 400u) << error;
  const std::string other =
      Choose(DataType::kFloat32, 4, native::kInt8Kernels[0]->name);
  EXPECT_NE(other.find("not one for this type"), std::string::npos) << other;
}

TEST(CheckKernelNameTest, KnowsKernelsOfAllConvolutions) {
  const auto error = [](const char* name) {
    return std::string(CheckKernelName(name).message());
  };
  EXPECT_EQ(error(nullptr), "");
  EXPECT_EQ(error(""), "");
  EXPECT_EQ(error("reference"), "");
  const auto check = [&](const auto* const* table) {
    for (; *table != nullptr; ++table) {
      EXPECT_EQ(error((*table)->name).empty(), CanRun(**table, CpuFeatures()))
          << (*table)->name;
    }
  };
  check(native::kDepthwiseKernels);
  check(native::kFloatDepthwiseKernels);
  check(native::kFloatKernels);
  check(native::kFloatPointwiseKernels);
  check(native::kInt8Kernels);
  check(native::kPointwiseKernels);
  check(native::kStemKernels);
  check(native::kFloatStemKernels);
  const std::string unknown = error("f32-pconv-g2-p23-avx2");
  EXPECT_NE(unknown.find("'f32-pconv-g2-p23-avx2'"), std::string::npos);
  if (CpuFeatures() & kAvx2) {
    EXPECT_NE(unknown.find("f32-pconv-g2-p32-avx2"), std::string::npos)
        << unknown;
  }
}

TEST_F(KernelNameTest, WideBlocksAreOfStride1) {
  const char* wide = "qs8-pconv-g4-p64-avx512vbmi";
  if (!CanRun(*FindKernel(native::kInt8Kernels, wide), CpuFeatures())) {
    GTEST_SKIP() << "no AVX-512 VBMI";
  }
  RandomConvOptions options;
  options.stride_height = options.stride_width = 2;
  const RandomConv random(options);
  PatternConvOptions conv_options;
  conv_options.kernel = wide;
  Status status;
  EXPECT_EQ(PatternConv::Create(random.description(), conv_options, &status),
            nullptr);
  const std::string error = status.message();
  EXPECT_NE(error.find("does not compute these strides; accepted"),
            std::string::npos)
      << error;
  EXPECT_EQ(error.find("vbmi", error.find("accepted")), std::string::npos)
      << error;
  EXPECT_NE(error.find("qs8-pconv-g4-p64-avx512vnni"), std::string::npos)
      << error;
}

TEST_F(KernelNameTest, TheFastestFitsTheProcessorAndTheGroups) {
  constexpr uint32_t kVnni = kAvx2 | kAvxVnni | kAvx512 | kAvx512Vnni;
  const auto name = [](uint32_t features, int group_size) {
    const auto kernels =
        FastestInt8Kernels(native::kInt8Kernels, features, group_size);
    return kernels.empty() ? std::string() : std::string(kernels.back()->name);
  };
  const auto starts = [](const std::string& text, const char* start) {
    return text.rfind(start, 0) == 0;
  };
  const auto ends = [](const std::string& text, const std::string& end) {
    return text.size() >= end.size() &&
           text.compare(text.size() - end.size(), end.size(), end) == 0;
  };
  EXPECT_EQ(name(0, 4), "");
  for (int group_size : {1, 2, 4}) {
    const std::string start = "qs8-pconv-g" + std::to_string(group_size) + "-";
    EXPECT_TRUE(starts(name(kVnni, group_size), start.c_str()));
    EXPECT_TRUE(starts(name(kAvx2, group_size), start.c_str()));
    EXPECT_TRUE(ends(name(kVnni, group_size), "-avx512vnni"));
    EXPECT_TRUE(ends(name(kAvx2 | kAvxVnni, group_size), "-avxvnni"));
    EXPECT_TRUE(ends(name(kAvx2 | kAvx512, group_size), "-avx2"));
  }
  EXPECT_TRUE(ends(name(kVnni | kAvx512Vbmi, 4), "-avx512vbmi"));
  EXPECT_TRUE(starts(name(kVnni, 16), "qs8-pconv-g8-"));
  EXPECT_TRUE(starts(name(kAvx2, 16), "qs8-pconv-g4-"));
  EXPECT_TRUE(starts(name(kVnni, 3), "qs8-pconv-g4-"));
}

TEST_F(KernelNameTest, TilesFallInSize) {
  for (int group_size : {1, 2, 4, 8}) {
    const auto kernels = FastestKernels(native::kInt8Kernels, ~0u, group_size);
    for (size_t i = 1; i < kernels.size(); ++i) {
      EXPECT_LT(kernels[i]->pixels, kernels[i - 1]->pixels);
      EXPECT_EQ(kernels[i]->group_size, kernels[0]->group_size);
    }
  }
}

TEST(ResizeTest, RefusesWhatDoesNotFit) {
  for (const char* kernel : {"", "reference"}) {
    RandomConvOptions options;
    options.padding = Padding::kValid;
    const RandomConv random(options);
    PatternConvOptions conv_options;
    conv_options.kernel = kernel;
    Status status;
    const auto conv =
        PatternConv::Create(random.description(), conv_options, &status);
    ASSERT_TRUE(status.ok()) << status.message();
    const auto error = [&](const ActivationShape& shape) {
      return std::string(conv->Resize({shape}).message());
    };
    EXPECT_EQ(error({1, 3, 3, 16}), "");
    EXPECT_NE(error({1, 2, 9, 16}).find("smaller than the 3x3 kernel"),
              std::string::npos);
    EXPECT_NE(error({1, 9, 9, 15}).find("15 channels"), std::string::npos);
    EXPECT_NE(error({0, 9, 9, 16}).find("at least 1"), std::string::npos);
    EXPECT_NE(error({65536, 65536, 3, 16}).find("too large"),
              std::string::npos);
    EXPECT_NE(error({1, 2147483647, 3, 16}).find("too large"),
              std::string::npos);
    // A refused shape changes nothing.
    EXPECT_EQ(conv->output_shape().height, 1);
  }
}

// Kernels turn halves of outputs into int32.
TEST(PatternConvTest, OutputsFarOutsideInt32AreOfTheReference) {
  for (const float output_scale : {1e-3f, 1e-12f}) {
    RandomConvOptions options;
    options.type = DataType::kInt8;
    options.channels = 300;
    options.extreme_weights = true;
    options.output_scale = output_scale;
    const RandomConv random(options);
    Status status;
    const auto conv = PatternConv::Create(random.description(), {}, &status);
    ASSERT_TRUE(status.ok()) << status.message();
    const bool is_reference =
        conv->kernel_name() == std::string(kReferenceKernelName);
    if (CpuFeatures() != 0) {
      EXPECT_EQ(is_reference, output_scale < 1e-6f);
      PatternConvOptions options;
      options.kernel = native::kInt8Kernels[0]->name;
      const auto named =
          PatternConv::Create(random.description(), options, &status);
      EXPECT_EQ(named == nullptr, is_reference);
    }
    // All inputs as large as can be, and of one sign.
    const ActivationShape shape = {1, 4, 4, 300};
    const TensorBytes input = BytesOf(std::vector<int8_t>(16 * 300, 127));
    const auto reference = CreateReferenceConv(random.description());
    EXPECT_TRUE(RunGuarded(DataType::kInt8, conv.get(), shape, input) ==
                RunGuarded(DataType::kInt8, reference.get(), shape, input));
  }
}

TEST(PredictCostTest, RisesWithSizeCompressionAndGroups) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "only the reference runs here";
  const auto predict = [](DataType type, int channels, int side,
                          double compression, int group_size) {
    RandomConvOptions options;
    options.type = type;
    options.filters = options.channels = channels;
    options.compression = compression;
    options.group_size = group_size;
    const RandomConv random(options);
    return PredictCost(random.description(), {1, side, side, channels})
        .speedup();
  };
  for (DataType type : {DataType::kInt8, DataType::kFloat32}) {
    EXPECT_LT(predict(type, 16, 2, 8, 4), 1.0);
    EXPECT_GT(predict(type, 256, 56, 8, 4), 3.0);
    EXPECT_GT(predict(type, 256, 56, 8, 1), 1.8);
    EXPECT_GT(predict(type, 256, 28, 8, 4), predict(type, 32, 28, 8, 4));
    EXPECT_GT(predict(type, 256, 28, 8, 4), predict(type, 256, 28, 8, 1));
    EXPECT_GT(predict(type, 256, 28, 8, 4), predict(type, 256, 28, 4, 4));
    EXPECT_LT(predict(type, 256, 28, 8, 4), 9.0);
  }
}

// Dense int8 convolutions are fast on AVX-512 VNNI: that decides.
TEST(PredictCostTest, TheLeastDoesNotDependOnThisProcessor) {
  const auto predict = [](int channels) {
    RandomConvOptions options;
    options.type = DataType::kInt8;
    options.filters = options.channels = channels;
    options.compression = 8;
    options.group_size = 4;
    const RandomConv random(options);
    const ActivationShape input = {1, 32, 32, channels};
    const double least = PredictLeastSpeedup(random.description(), input);
    if (CpuFeatures() != 0) {
      EXPECT_LE(least, PredictCost(random.description(), input).speedup());
    }
    return least;
  };
  EXPECT_LT(predict(8), 0.7);
  EXPECT_GT(predict(64), 1.5);
}

// Many weights for few pixels: dense convolutions wait for memory.
TEST(PredictCostTest, CountsTheWayOfWeightsFromMemory) {
  const auto predict = [](int channels) {
    RandomConvOptions options;
    options.filters = options.channels = channels;
    options.compression = 8;
    options.group_size = 4;
    const RandomConv random(options);
    return PredictLeastSpeedup(random.description(), {1, 2, 2, channels});
  };
  EXPECT_LT(predict(32), 1.0);
  EXPECT_GT(predict(512), 1.0);
}

TEST(PredictCostTest, Of1x1ConvolutionsRisesWithCompressionAndGroups) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "only the reference runs here";
  const auto predict = [](DataType type, double compression, int group_size) {
    RandomConvOptions options;
    options.type = type;
    options.kernel_side = 1;
    options.filters = 128;
    options.channels = 512;
    options.compression = compression;
    options.group_size = group_size;
    const RandomConv random(options);
    return PredictCost(random.description(), {1, 28, 28, 512}).speedup();
  };
  for (DataType type : {DataType::kInt8, DataType::kFloat32}) {
    EXPECT_LT(predict(type, 1, 1), 1.0);
    EXPECT_GT(predict(type, 8, 4), 1.5);
    EXPECT_LT(predict(type, 8, 4), 9.0);
    EXPECT_GT(predict(type, 8, 4), predict(type, 4, 4));
    EXPECT_GT(predict(type, 8, 4), predict(type, 8, 1));
  }
}

TEST(PredictCostTest, OfDepthwiseConvolutions) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "only the reference runs here";
  for (const int kernel_side : {3, 5}) {
    SCOPED_TRACE(kernel_side);
    const auto predict = [=](DataType type, int channels, int side) {
      RandomConvOptions options = DenseDepthwise(kernel_side);
      options.type = type;
      options.channels = channels;
      const RandomConv random(options);
      return PredictCost(random.description(), {1, side, side, channels})
          .speedup();
    };
    for (const DataType type : {DataType::kInt8, DataType::kFloat32}) {
      EXPECT_GT(predict(type, 192, 28), 1.3);
      EXPECT_LT(predict(type, 192, 28), 5.0);
      EXPECT_LT(predict(type, 16, 1), 1.0);
    }
    EXPECT_GT(predict(DataType::kInt8, 192, 28),
              predict(DataType::kInt8, 17, 28));
    EXPECT_LT(predict(DataType::kInt8, 8, 28), 1.0);
    EXPECT_LT(predict(DataType::kFloat32, 7, 28), 1.0);
    // Too few for a vector of AVX-512: the dense one fills a part of it.
    EXPECT_GT(predict(DataType::kFloat32, 8, 28), 1.1);
  }
}

TEST(PredictCostTest, OfStems) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "only the reference runs here";
  const auto predict = [](DataType type, int kernel_side, int channels,
                          int filters, int side) {
    RandomConvOptions options = Stem();
    options.type = type;
    options.kernel_side = kernel_side;
    options.channels = channels;
    options.filters = filters;
    const RandomConv random(options);
    return PredictCost(random.description(), {1, side, side, channels})
        .speedup();
  };
  EXPECT_GT(predict(DataType::kInt8, 7, 3, 64, 112), 2.0);
  EXPECT_LT(predict(DataType::kInt8, 7, 3, 64, 112), 7.0);
  EXPECT_GT(predict(DataType::kInt8, 3, 3, 64, 112),
            predict(DataType::kInt8, 3, 8, 64, 112));
  EXPECT_LT(predict(DataType::kInt8, 1, 3, 16, 1), 1.0);
  EXPECT_LT(predict(DataType::kInt8, 7, 3, 15, 112), 1.0);
  EXPECT_GT(predict(DataType::kFloat32, 7, 3, 64, 112), 0.9);
  EXPECT_LT(predict(DataType::kFloat32, 7, 3, 64, 112), 1.3);
}

std::vector<float> RunFloats(const ConvDescription& description,
                             const PatternConvOptions& options) {
  Status status;
  const auto conv = PatternConv::Create(description, options, &status);
  EXPECT_TRUE(status.ok()) << status.message();
  const ActivationShape input = {1, 7, 9, description.channels()};
  EXPECT_TRUE(conv->Resize({input}).ok());
  const size_t inputs = size_t(7) * 9 * description.channels();
  const size_t outputs = size_t(7) * 9 * description.filters();
  void* workspace = nullptr;
  EXPECT_EQ(posix_memalign(&workspace, 64, conv->WorkspaceBytes(1) + 1), 0);
  std::vector<float> result(outputs);
  if (description.type() == DataType::kInt8) {
    std::vector<int8_t> bytes(outputs);
    conv->Run(RandomInt8(inputs, 1).data(), bytes.data(), workspace, nullptr);
    result.assign(bytes.begin(), bytes.end());
  } else {
    conv->Run(RandomFloat(inputs, 1).data(), result.data(), workspace, nullptr);
  }
  free(workspace);
  return result;
}

// Runs the convolution with every kernel and several sizes of blocks.
void ExpectTuningChangesNoOutput(const RandomConvOptions& random_options) {
  const RandomConv random(random_options);
  const std::vector<float> expected = RunFloats(random.description(), {});
  const bool is_int8 = random_options.type == DataType::kInt8;
  char names[3000];
  ListKernels(random.description(), names, sizeof(names));
  std::istringstream list(names);
  for (std::string kernel; list >> kernel;) {
    if (kernel.back() == ',') kernel.pop_back();
    for (const int block_bytes : {0, 1, 16 * 1024}) {
      SCOPED_TRACE(kernel + " " + std::to_string(block_bytes));
      PatternConvOptions options;
      options.tuning = {kernel.c_str(), block_bytes};
      const auto outputs = RunFloats(random.description(), options);
      for (size_t i = 0; i < outputs.size(); ++i) {
        ASSERT_NEAR(outputs[i], expected[i], is_int8 ? 0 : 1e-4);
      }
    }
  }
}

TEST(PatternConvTest, TuningChangesNoOutput) {
  for (const DataType type : {DataType::kInt8, DataType::kFloat32}) {
    for (const int kernel_side : {3, 1}) {
      RandomConvOptions options;
      options.type = type;
      options.kernel_side = kernel_side;
      options.channels = 80;
      ExpectTuningChangesNoOutput(options);
    }
    RandomConvOptions options = Stem();
    options.type = type;
    ExpectTuningChangesNoOutput(options);
  }
}

TEST(PatternConvTest, PointwiseKernelsFollowTheNumberOfPixels) {
  if (CpuFeatures() == 0) GTEST_SKIP() << "only the reference runs here";
  for (DataType type : {DataType::kInt8, DataType::kFloat32}) {
    RandomConvOptions options;
    options.type = type;
    options.kernel_side = 1;
    options.filters = 21;
    options.channels = 130;
    const RandomConv random(options);
    Status status;
    const auto conv = PatternConv::Create(random.description(), {}, &status);
    ASSERT_NE(conv, nullptr) << status.message();
    const int few = FewPixels(type);
    for (int pixels : {1, few + 1, few, 40, 1}) {
      const ActivationShape input = {1, 1, pixels, options.channels};
      const int count = pixels * options.channels;
      SCOPED_TRACE(pixels);
      ExpectLikeReference(random.description(), conv.get(), input,
                          type == DataType::kInt8
                              ? BytesOf(RandomInt8(count, pixels))
                              : BytesOf(RandomFloat(count, pixels)));
      const std::string name = conv->kernel_name();
      EXPECT_EQ(name.find("gemv") != std::string::npos, pixels <= few) << name;
    }
  }
}

TEST(PatternConvTest, KernelsAreListedAsFarAsTheyFit) {
  const RandomConv random({});
  char names[3000];
  ListKernels(random.description(), names, sizeof(names));
  const std::string all = names;
  char few[40];
  ListKernels(random.description(), few, sizeof(few));
  EXPECT_EQ(all.substr(0, std::string(few).size()), few);
  if (CpuFeatures() != 0) {
    EXPECT_EQ(all.substr(0, all.find(',')), few);
  }
}

}  // namespace
}  // namespace tf_pconv

#include "delegate/testing/conv_case.h"

#include <algorithm>
#include <cstddef>
#include <sstream>

namespace tf_pconv {

std::string Describe(const ConvCase& test) {
  const RandomConvOptions& conv = test.conv;
  std::ostringstream text;
  text << "seed " << conv.seed << ": input " << test.input.batch << "x"
       << test.input.height << "x" << test.input.width << "x"
       << test.input.channels;
  if (conv.stem) {
    text << ", filters " << conv.filters << ", kernel " << conv.kernel_side
         << "x"
         << (conv.kernel_width > 0 ? conv.kernel_width : conv.kernel_side);
  } else if (!conv.depthwise) {
    text << ", filters " << conv.filters << ", group size " << conv.group_size;
  }
  text << ", compression " << conv.compression << ", stride "
       << conv.stride_height << "x" << conv.stride_width << ", "
       << (conv.padding == Padding::kSame ? "SAME" : "VALID") << ", activation "
       << static_cast<int>(conv.activation)
       << (conv.bias ? "" : ", without bias")
       << (conv.any_patterns ? ", any patterns" : "")
       << (conv.unbalanced ? ", unbalanced" : "")
       << (conv.extreme_weights ? ", extreme weights" : "");
  switch (test.inputs) {
    case ConvCase::Inputs::kRandom:
      break;
    case ConvCase::Inputs::kLargest:
      text << ", largest inputs";
      break;
    case ConvCase::Inputs::kSmallest:
      text << ", smallest inputs";
      break;
  }
  return text.str();
}

TensorBytes MakeInput(const ConvCase& test) {
  const ActivationShape& shape = test.input;
  const size_t count =
      size_t(shape.batch) * shape.height * shape.width * shape.channels;
  if (test.conv.type == DataType::kFloat32) {
    return BytesOf(RandomFloat(count, test.conv.seed));
  }
  switch (test.inputs) {
    case ConvCase::Inputs::kRandom:
      break;
    case ConvCase::Inputs::kLargest:
      return BytesOf(std::vector<int8_t>(count, 127));
    case ConvCase::Inputs::kSmallest:
      return BytesOf(std::vector<int8_t>(count, -128));
  }
  return BytesOf(RandomInt8(count, test.conv.seed));
}

ConvCase VariedCase(RandomConvOptions conv, int height, int width, int channels,
                    uint32_t seed) {
  constexpr int kGroupSizes[] = {1, 2, 3, 4, 5, 8, 11, 16};
  if (conv.stem) {
    conv.kernel_side = 1 + seed * 3 % 7;
    conv.kernel_width = 1 + seed * 5 % 7;
  }
  const double least = conv.depthwise || conv.kernel_side == 1 ? 1.0 : 2.25;
  conv.seed = seed;
  conv.channels = channels;
  conv.filters = 1 + seed * 7 % (conv.stem ? 131 : 41);
  conv.group_size = kGroupSizes[seed % 8];
  conv.compression = seed % 3 == 0 ? least : (conv.kernel_side == 1 ? 4 : 8);
  conv.any_patterns = seed % 4 < 2;
  conv.stride_height = 1 + seed / 2 % 2;
  conv.stride_width = seed % 7 == 0 ? 1 : conv.stride_height;
  const bool fits = height >= conv.kernel_side &&
                    width >= std::max(conv.kernel_side, conv.kernel_width);
  conv.padding = fits && seed % 5 < 2 ? Padding::kValid : Padding::kSame;
  conv.activation = static_cast<Activation>(seed % 4);
  conv.bias = seed % 6 != 0;
  conv.unbalanced = seed % 4 == 1;
  conv.extreme_weights = seed % 5 == 1;
  conv.deviation = seed % 2 == 0 ? 40 : 80;

  ConvCase test;
  test.conv = conv;
  test.input = {1 + static_cast<int>(seed % 2), height, width, channels};
  if (conv.type == DataType::kInt8 && seed % 7 < 2) {
    test.inputs = seed % 2 == 0 ? ConvCase::Inputs::kLargest
                                : ConvCase::Inputs::kSmallest;
  }
  return test;
}

}  // namespace tf_pconv

#ifndef TF_PCONV_DELEGATE_TESTING_CONV_CASE_H_
#define TF_PCONV_DELEGATE_TESTING_CONV_CASE_H_

#include <cstdint>
#include <string>

#include "delegate/core/operator.h"
#include "delegate/testing/random_conv.h"
#include "delegate/testing/row_ranges.h"

namespace tf_pconv {

// A random convolution and what it runs on.
struct ConvCase {
  enum class Inputs { kRandom, kLargest, kSmallest };

  RandomConvOptions conv;
  ActivationShape input;
  Inputs inputs = Inputs::kRandom;  // kRandom where they are float32
};

// All that makes the case.
std::string Describe(const ConvCase& test);

TensorBytes MakeInput(const ConvCase& test);

// A case of the same type and kind as `conv`, all else of which varies with
// `seed`, each feature at its own rate.
ConvCase VariedCase(RandomConvOptions conv, int height, int width, int channels,
                    uint32_t seed);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_CONV_CASE_H_

#ifndef TF_PCONV_DELEGATE_TESTING_KERNEL_TEST_H_
#define TF_PCONV_DELEGATE_TESTING_KERNEL_TEST_H_

// What every kernel of every family has to show. Tests of a family say which
// kernels there are:
//
//   INSTANTIATE_TEST_SUITE_P(Int8, KernelTest, testing::ValuesIn(...),
//                            KernelTest::Name);
//
// and the same for Int8KernelTest or FloatKernelTest.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "delegate/core/pattern_conv.h"
#include "delegate/testing/conv_case.h"
#include "delegate/testing/random_conv.h"

namespace tf_pconv {

// Inputs at a boundary of what kernels compute at once.
struct Boundary {
  std::string name;
  int height;
  int width;
  int channels;
};

// A kernel of a list, or the tiles that the library lets take turns.
struct TestedKernels {
  std::string name;
  // A convolution that they are for; tests vary what their family can run.
  RandomConvOptions conv;
  int least_channels = 1;
  int most_channels = kMaxChannels;
  int least_filters = 1;
  std::vector<Boundary> boundaries;
  std::function<std::unique_ptr<PatternConv>(const ConvDescription&)> create;
  // Whether they run strides like these; empty if they run all.
  std::function<bool(const RandomConvOptions&)> runs;
};

// Images with a few outputs less or more than tiles, at stride 1.
std::vector<Boundary> TileBoundaries(int tile_pixels);

void PrintTo(const TestedKernels& kernels, std::ostream* stream);

class KernelTest : public testing::TestWithParam<TestedKernels> {
 public:
  static std::string Name(const testing::TestParamInfo<TestedKernels>& info);

 protected:
  // As many channels, of those that the kernels run, or the rest of them.
  int Channels(int channels) const;

  // A case for these kernels in which everything varies with `seed`.
  ConvCase Varied(int height, int width, int channels, uint32_t seed) const;

  // A case with `channels` inputs for each of `filters`, and nothing special.
  ConvCase Plain(int filters, int channels, int height, int width) const;

  // Expects the outputs of the reference.
  void Check(const ConvCase& test, ThreadPool* pool = nullptr) const;
  void Check(const ConvCase& test, const TensorBytes& input,
             ThreadPool* pool = nullptr) const;

  // Expects that pieces of the output, in any order, make the whole.
  void CheckRanges(const ConvCase& test, ThreadPool* pool) const;

  bool Runs(const ConvCase& test) const;
};

class Int8KernelTest : public KernelTest {};
class FloatKernelTest : public KernelTest {};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTING_KERNEL_TEST_H_

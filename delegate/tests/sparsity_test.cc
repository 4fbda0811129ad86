#include "delegate/tflite/sparsity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "delegate/tests/tflite_fakes.h"

namespace tf_pconv {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct LevelData {
  int format = kTfLiteDimDense;
  int dense_size = 0;
  std::vector<int> segments, indices;
};

struct SparseTensor {
  TfLiteType type = kTfLiteInt8;
  std::vector<int> dims, traversal_order, block_map;
  std::vector<LevelData> levels;
  std::vector<int8_t> values;
};

LevelData Dense(int size) { return {kTfLiteDimDense, size, {}, {}}; }
LevelData Csr(std::vector<int> segments, std::vector<int> indices) {
  return {kTfLiteDimSparseCSR, 0, segments, indices};
}

// [[1, 0, 2], [0, 0, 0], [0, 3, 0]], rows dense, columns sparse.
SparseTensor Rows() {
  SparseTensor tensor;
  tensor.dims = {3, 3};
  tensor.traversal_order = {0, 1};
  tensor.levels = {Dense(3), Csr({0, 2, 2, 3}, {0, 2, 1})};
  tensor.values = {1, 2, 3};
  return tensor;
}

// A 4x4 matrix of 2x2 blocks, of which those at (0, 1) and (1, 0) are kept.
SparseTensor Blocks() {
  SparseTensor tensor;
  tensor.dims = {4, 4};
  tensor.traversal_order = {0, 1, 2, 3};
  tensor.block_map = {0, 1};
  tensor.levels = {Dense(2), Csr({0, 1, 2}, {1, 0}), Dense(2), Dense(2)};
  tensor.values = {1, 2, 3, 4, 5, 6, 7, 8};
  return tensor;
}

Status Decode(const SparseTensor& sparse, std::vector<uint8_t>* dense) {
  Arrays arrays;
  std::vector<TfLiteDimensionMetadata> metadata;
  for (const LevelData& level : sparse.levels) {
    metadata.push_back({static_cast<TfLiteDimensionType>(level.format),
                        level.dense_size, arrays.Ints(level.segments),
                        arrays.Ints(level.indices)});
  }
  TfLiteSparsity sparsity{arrays.Ints(sparse.traversal_order),
                          arrays.Ints(sparse.block_map), arrays.Copy(metadata),
                          static_cast<int>(metadata.size())};
  TfLiteTensor tensor = {};
  tensor.type = sparse.type;
  tensor.dims = arrays.Ints(sparse.dims);
  tensor.data = arrays.Copy(sparse.values);
  tensor.bytes = sparse.values.size();
  tensor.sparsity = &sparsity;
  return Densify(tensor, dense);
}

TEST(SparsityTest, DecodesSparseRows) {
  std::vector<uint8_t> dense;
  const Status status = Decode(Rows(), &dense);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(dense, ElementsAre(1, 0, 2, 0, 0, 0, 0, 3, 0));
}

TEST(SparsityTest, DecodesBlocks) {
  std::vector<uint8_t> dense;
  const Status status = Decode(Blocks(), &dense);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_THAT(dense, ElementsAre(0, 0, 1, 2,  //
                                 0, 0, 3, 4,  //
                                 5, 6, 0, 0,  //
                                 7, 8, 0, 0));
}

TEST(SparsityTest, FollowsTheTraversalOrder) {
  SparseTensor columns = Rows();
  columns.traversal_order = {1, 0};
  std::vector<uint8_t> dense;
  ASSERT_TRUE(Decode(columns, &dense).ok());
  EXPECT_THAT(dense, ElementsAre(1, 0, 0, 0, 0, 3, 2, 0, 0));
}

TEST(SparsityTest, DecodesFloat) {
  SparseTensor tensor = Rows();
  tensor.type = kTfLiteFloat32;
  const float values[] = {1.5f, -2.0f, 3.25f};
  tensor.values.resize(sizeof(values));
  std::memcpy(tensor.values.data(), values, sizeof(values));
  std::vector<uint8_t> dense;
  ASSERT_TRUE(Decode(tensor, &dense).ok());
  float result[9];
  ASSERT_EQ(dense.size(), sizeof(result));
  std::memcpy(result, dense.data(), sizeof(result));
  EXPECT_THAT(result, ElementsAre(1.5f, 0, -2.0f, 0, 0, 0, 0, 3.25f, 0));
}

struct Malformed {
  const char* name;
  std::function<void(SparseTensor*)> breaks;
};

class SparsityMalformedTest : public testing::TestWithParam<Malformed> {};

TEST_P(SparsityMalformedTest, IsRefused) {
  SparseTensor tensor = Blocks();
  GetParam().breaks(&tensor);
  std::vector<uint8_t> dense = {77};
  EXPECT_FALSE(Decode(tensor, &dense).ok());
  EXPECT_THAT(dense, ElementsAre(77));
}

INSTANTIATE_TEST_SUITE_P(
    Encodings, SparsityMalformedTest,
    testing::Values(
        Malformed{"type", [](SparseTensor* t) { t->type = kTfLiteFloat16; }},
        Malformed{"no_dims", [](SparseTensor* t) { t->dims = {}; }},
        Malformed{"zero_dim", [](SparseTensor* t) { t->dims[0] = 0; }},
        Malformed{"huge_dims",
                  [](SparseTensor* t) { t->dims = {1 << 30, 1 << 30}; }},
        Malformed{"few_levels", [](SparseTensor* t) { t->levels.pop_back(); }},
        Malformed{"order_twice",
                  [](SparseTensor* t) { t->traversal_order[1] = 0; }},
        Malformed{"order_range",
                  [](SparseTensor* t) { t->traversal_order[1] = 4; }},
        Malformed{"block_dim", [](SparseTensor* t) { t->block_map[0] = 2; }},
        Malformed{"block_twice", [](SparseTensor* t) { t->block_map[0] = 1; }},
        Malformed{"block_size",
                  [](SparseTensor* t) { t->levels[2] = Dense(3); }},
        Malformed{"sparse_block",
                  [](SparseTensor* t) { t->levels[2] = Csr({0, 1}, {0}); }},
        Malformed{"dense_size",
                  [](SparseTensor* t) { t->levels[0] = Dense(4); }},
        Malformed{"format", [](SparseTensor* t) { t->levels[1].format = 7; }},
        Malformed{"few_segments",
                  [](SparseTensor* t) { t->levels[1].segments = {0, 1}; }},
        Malformed{"falling_segments",
                  [](SparseTensor* t) { t->levels[1].segments = {1, 0, 2}; }},
        Malformed{"long_segments",
                  [](SparseTensor* t) { t->levels[1].segments = {0, 1, 3}; }},
        Malformed{"negative_segment",
                  [](SparseTensor* t) { t->levels[1].segments = {-1, 1, 2}; }},
        Malformed{"index_range",
                  [](SparseTensor* t) { t->levels[1].indices = {2, 0}; }},
        Malformed{"negative_index",
                  [](SparseTensor* t) { t->levels[1].indices = {-1, 0}; }},
        Malformed{"few_values", [](SparseTensor* t) { t->values.pop_back(); }},
        Malformed{"many_values",
                  [](SparseTensor* t) { t->values.push_back(0); }}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SparsityTest, MissingPartsAreRefused) {
  std::vector<uint8_t> dense;
  TfLiteTensor tensor = {};
  EXPECT_THAT(Densify(tensor, &dense).message(), HasSubstr("not sparse"));
  TfLiteSparsity sparsity = {};
  tensor.sparsity = &sparsity;
  EXPECT_FALSE(Densify(tensor, &dense).ok());
  tensor.type = kTfLiteInt8;
  EXPECT_FALSE(Densify(tensor, &dense).ok());
}

TEST(SparsityTest, RandomMutationsAreRefusedOrDecoded) {
  constexpr unsigned kSeed = 99;
  std::mt19937 random(kSeed);
  int accepted = 0;
  for (int round = 0; round < 5000; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " +
                 std::to_string(round));
    SparseTensor tensor = round % 2 ? Rows() : Blocks();
    std::vector<int*> numbers;
    for (auto* list :
         {&tensor.dims, &tensor.traversal_order, &tensor.block_map}) {
      for (int& number : *list) numbers.push_back(&number);
    }
    for (LevelData& level : tensor.levels) {
      numbers.push_back(&level.format);
      numbers.push_back(&level.dense_size);
      for (int& number : level.segments) numbers.push_back(&number);
      for (int& number : level.indices) numbers.push_back(&number);
    }
    for (int i = 1 + random() % 2; i > 0; --i) {
      *numbers[random() % numbers.size()] = static_cast<int>(random() % 6) - 1;
    }
    std::vector<uint8_t> dense;
    accepted += Decode(tensor, &dense).ok();
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace tf_pconv

#include "delegate/testing/row_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "delegate/testing/guarded_buffer.h"

namespace tf_pconv {
namespace {

// NaN as float32, -1 as int8.
constexpr uint8_t kForeignByte = 0xff;

size_t RowBytes(const ActivationShape& shape, size_t element_bytes) {
  return element_bytes * shape.width * shape.channels;
}

// Cuts the rows of an image into ranges in random order.
std::vector<RowRange> CutRows(int height, std::mt19937* random) {
  std::vector<RowRange> ranges;
  for (int row = 0; row < height;) {
    const int rows = std::min<int>(1 + (*random)() % 5, height - row);
    ranges.push_back({row, row + rows});
    row += rows;
  }
  std::shuffle(ranges.begin(), ranges.end(), *random);
  return ranges;
}

// Fills all rows but `kept` with foreign bytes.
void HideRows(const ActivationShape& shape, size_t element_bytes, RowRange kept,
              TensorBytes* tensor) {
  const size_t row_bytes = RowBytes(shape, element_bytes);
  for (int row = 0; row < shape.batch * shape.height; ++row) {
    const int y = row % shape.height;
    if (y >= kept.begin && y < kept.end) continue;
    std::fill_n(tensor->begin() + row * row_bytes, row_bytes, kForeignByte);
  }
}

}  // namespace

void ExpectRangesGiveTheWhole(const Operator& tested,
                              const std::vector<InputTensor>& inputs,
                              size_t element_bytes, uint32_t seed,
                              ThreadPool* pool) {
  const ActivationShape output = tested.output_shape();
  const GuardedBuffer workspace(
      tested.WorkspaceBytes(pool == nullptr ? 1 : pool->threads()));
  const auto run = [&](const std::vector<InputTensor>& from, RowRange rows,
                       TensorBytes* to) {
    std::vector<const void*> pointers;
    for (const InputTensor& tensor : from) {
      pointers.push_back(tensor.bytes.data());
    }
    tested.RunRows(pointers.data(), to->data(), rows, workspace.data(), pool,
                   nullptr);
  };

  TensorBytes whole(output.batch * output.height *
                    RowBytes(output, element_bytes));
  run(inputs, {0, output.height}, &whole);

  std::mt19937 random(seed);
  TensorBytes pieces(whole.size());
  for (const RowRange& rows : CutRows(output.height, &random)) {
    std::vector<InputTensor> shown = inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const RowRange needed = tested.InputRows(static_cast<int>(i), rows);
      ASSERT_LE(0, needed.begin);
      ASSERT_LE(needed.end, inputs[i].shape.height);
      HideRows(inputs[i].shape, element_bytes, needed, &shown[i].bytes);
    }
    const TensorBytes before = pieces;
    run(shown, rows, &pieces);
    // Nothing else was written.
    TensorBytes expected = whole, actual = pieces, others = before;
    HideRows(output, element_bytes, rows, &expected);
    HideRows(output, element_bytes, rows, &actual);
    ASSERT_EQ(actual, expected) << "rows " << rows.begin << " to " << rows.end
                                << " of " << output.height << ", seed " << seed;
    for (int image = 0; image < output.batch; ++image) {
      const size_t row_bytes = RowBytes(output, element_bytes);
      const size_t first = (size_t(image) * output.height + rows.begin);
      std::copy_n(pieces.begin() + first * row_bytes,
                  (rows.end - rows.begin) * row_bytes,
                  others.begin() + first * row_bytes);
    }
    ASSERT_EQ(pieces, others) << "rows outside " << rows.begin << " to "
                              << rows.end << " were written, seed " << seed;
  }
  EXPECT_TRUE(workspace.FrontIntact());
}

}  // namespace tf_pconv

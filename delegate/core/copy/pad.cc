#include "delegate/core/copy/pad.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "delegate/core/copy/row_copy.h"

namespace tf_pconv {
namespace {

// False where the sum is larger than an int.
bool Widen(int before, int after, int* size) {
  return !__builtin_add_overflow(*size, before, size) &&
         !__builtin_add_overflow(*size, after, size);
}

class Pad : public RowCopy {
 public:
  explicit Pad(const PadDescription& description)
      : RowCopy(description.element_bytes), border_(description) {}

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    input_ = inputs[0];
    ActivationShape output = input_;
    if (!Widen(border_.top, border_.bottom, &output.height) ||
        !Widen(border_.left, border_.right, &output.width)) {
      return Status::Error(
          "the border of %d and %d rows, %d and %d columns is "
          "too large",
          border_.top, border_.bottom, border_.left, border_.right);
    }
    return UseOutput(output);
  }

  RowRange InputRows(int, RowRange rows) const override {
    return {std::clamp(rows.begin - border_.top, 0, input_.height),
            std::clamp(rows.end - border_.top, 0, input_.height)};
  }

 private:
  void CopyRow(const void* const* inputs, int image, int y,
               uint8_t* row) const override {
    const size_t pixel = PixelBytes(input_);
    const size_t left = pixel * border_.left;
    const size_t middle = pixel * input_.width;
    const size_t right = pixel * border_.right;
    const int input_y = y - border_.top;
    if (input_y < 0 || input_y >= input_.height) {
      memset(row, border_.value, left + middle + right);
      return;
    }
    const auto* input = static_cast<const uint8_t*>(inputs[0]);
    memset(row, border_.value, left);
    memcpy(row + left, input + RowOffset(input_, image, input_y), middle);
    memset(row + left + middle, border_.value, right);
  }

  const PadDescription border_;
  ActivationShape input_;
};

}  // namespace

std::unique_ptr<Operator> CreatePad(const PadDescription& description) {
  return std::make_unique<Pad>(description);
}

}  // namespace tf_pconv

#include "delegate/core/copy/concatenation.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "delegate/core/copy/row_copy.h"

namespace tf_pconv {
namespace {

class Concatenation : public RowCopy {
 public:
  explicit Concatenation(size_t element_bytes) : RowCopy(element_bytes) {}

  Status Resize(const std::vector<ActivationShape>& inputs) override {
    ActivationShape output = inputs[0];
    output.channels = 0;
    for (const ActivationShape& input : inputs) {
      if (input.batch != output.batch || input.height != output.height ||
          input.width != output.width) {
        return Status::Error("its inputs differ in more than their channels");
      }
      if (__builtin_add_overflow(output.channels, input.channels,
                                 &output.channels)) {
        return Status::Error("its inputs have too many channels");
      }
    }
    inputs_ = inputs;
    return UseOutput(output);
  }

  RowRange InputRows(int, RowRange rows) const override { return rows; }

 private:
  void CopyRow(const void* const* inputs, int image, int y,
               uint8_t* row) const override {
    const size_t output_pixel = PixelBytes(output_shape());
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const size_t pixel = PixelBytes(inputs_[i]);
      const uint8_t* input = static_cast<const uint8_t*>(inputs[i]) +
                             RowOffset(inputs_[i], image, y);
      for (int x = 0; x < inputs_[i].width; ++x) {
        memcpy(row + x * output_pixel, input + x * pixel, pixel);
      }
      row += pixel;
    }
  }

  std::vector<ActivationShape> inputs_;
};

}  // namespace

std::unique_ptr<Operator> CreateConcatenation(size_t element_bytes) {
  return std::make_unique<Concatenation>(element_bytes);
}

}  // namespace tf_pconv

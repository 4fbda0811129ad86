#ifndef TF_PCONV_DELEGATE_TESTS_FKW_FILE_H_
#define TF_PCONV_DELEGATE_TESTS_FKW_FILE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace tf_pconv {

// The fields of docs/fkw.md, to be written as they are, right or wrong.
struct FkwFile {
  std::string magic = "FKW1";
  uint32_t version = 1;
  uint32_t value_type = 0;
  uint32_t entries = 4;
  uint32_t filters = 0;
  uint32_t channels = 0;
  uint32_t kernel_height = 3;
  uint32_t kernel_width = 3;
  uint32_t group_size = 1;
  uint32_t patterns = 0;
  uint32_t reserved = 0;
  uint32_t kernels = 0;
  std::vector<uint32_t> pattern, reorder, offset, stride, index;
  std::vector<float> float_weight;
  std::vector<int8_t> int8_weight;
  std::vector<float> scale;

  std::vector<uint8_t> Bytes() const {
    std::vector<uint8_t> bytes(magic.begin(), magic.end());
    auto put = [&bytes](uint32_t value, int count) {
      for (int i = 0; i < count; ++i) bytes.push_back(value >> (8 * i));
    };
    auto put_float = [&put](float value) {
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof(bits));
      put(bits, 4);
    };
    put(version, 2);
    put(value_type, 1);
    put(entries, 1);
    put(filters, 4);
    put(channels, 4);
    put(kernel_height, 1);
    put(kernel_width, 1);
    put(group_size, 2);
    put(patterns, 2);
    put(reserved, 2);
    put(kernels, 4);
    for (uint32_t value : pattern) put(value, 2);
    for (uint32_t value : reorder) put(value, filters <= 256 ? 1 : 2);
    for (uint32_t value : offset) put(value, 4);
    for (uint32_t value : stride) put(value, 2);
    for (uint32_t value : index) put(value, channels <= 256 ? 1 : 2);
    for (float value : float_weight) put_float(value);
    for (int8_t value : int8_weight) put(static_cast<uint8_t>(value), 1);
    for (float value : scale) put_float(value);
    return bytes;
  }
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TESTS_FKW_FILE_H_

#ifndef TF_PCONV_DELEGATE_CORE_WEIGHTS_CONV_WEIGHTS_H_
#define TF_PCONV_DELEGATE_CORE_WEIGHTS_CONV_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tf_pconv {

enum class DataType : uint8_t { kFloat32, kInt8 };

inline size_t ElementBytes(DataType type) {
  return type == DataType::kInt8 ? sizeof(int8_t) : sizeof(float);
}

// The limit of docs/fkw.md.
inline constexpr int kMaxChannels = 65535;  // input or output

// What weights of every kind have; which values are kept, and in what order,
// is for each kind to say.
struct ConvWeights {
  DataType type = DataType::kFloat32;
  int channels = 0;  // input channels
  // One of the two is filled, as `type` says.
  std::vector<float> float_values;
  std::vector<int8_t> int8_values;
  // Quantisation scale of each output channel (int8 only).
  std::vector<float> scales;

  size_t values() const {
    return type == DataType::kInt8 ? int8_values.size() : float_values.size();
  }
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_WEIGHTS_CONV_WEIGHTS_H_

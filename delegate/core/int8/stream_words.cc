#include "delegate/core/int8/stream_words.h"

#include <cstring>

namespace tf_pconv {

void AppendStage(const Int8OutputStage& stage, const std::vector<int>& filters,
                 const std::vector<uint32_t>& bias, int group_size,
                 std::vector<uint32_t>* words) {
  const int count = static_cast<int>(filters.size());
  for (int i = 0; i < group_size; ++i) {
    words->push_back(i < count ? bias[i] : 0);
  }
  for (const std::vector<float>* values :
       {&stage.multipliers, &stage.offsets}) {
    for (int i = 0; i < group_size; ++i) {
      const float value = i < count ? (*values)[filters[i]] : 0.0f;
      uint32_t word;
      std::memcpy(&word, &value, sizeof(word));
      words->push_back(word);
    }
  }
}

uint32_t WeightWord(const Int8Quad& weights) {
  uint32_t word;
  std::memcpy(&word, weights.data(), sizeof(word));
  return word;
}

}  // namespace tf_pconv

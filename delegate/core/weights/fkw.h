#ifndef TF_PCONV_DELEGATE_CORE_WEIGHTS_FKW_H_
#define TF_PCONV_DELEGATE_CORE_WEIGHTS_FKW_H_

#include <cstddef>
#include <cstdint>

#include "delegate/core/status.h"
#include "delegate/core/weights/pattern_weights.h"

namespace tf_pconv {

// Reads the FKW bytes of docs/fkw.md. The bytes come from a file and are not
// trusted: every rule of the format is checked, and nothing outside
// [data, data + size) is read.
Status ReadFkw(const uint8_t* data, size_t size, PatternWeights* weights);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_CORE_WEIGHTS_FKW_H_

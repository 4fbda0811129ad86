#ifndef TF_PCONV_DELEGATE_TFLITE_SPARSITY_H_
#define TF_PCONV_DELEGATE_TFLITE_SPARSITY_H_

#include <cstdint>
#include <vector>

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"

namespace tf_pconv {

// Decodes a constant tensor in TensorFlow Lite's sparse encoding (what DENSIFY
// does) into the bytes of the dense tensor. The encoding comes from a file and
// is not trusted.
Status Densify(const TfLiteTensor& tensor, std::vector<uint8_t>* dense);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_SPARSITY_H_

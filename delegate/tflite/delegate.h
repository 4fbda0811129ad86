#ifndef TF_PCONV_DELEGATE_TFLITE_DELEGATE_H_
#define TF_PCONV_DELEGATE_TFLITE_DELEGATE_H_

#include "delegate/tflite/abi.h"
#include "delegate/tflite/options.h"

namespace tf_pconv {

// The delegate as the runtime knows it; null where there is no memory. It may
// serve several interpreters, from several threads, and must outlive them.
TfLiteDelegate* CreateDelegate(const Options& options);

// Null is allowed.
void DestroyDelegate(TfLiteDelegate* delegate);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_DELEGATE_H_

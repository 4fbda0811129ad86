#ifndef TF_PCONV_DELEGATE_TFLITE_DELEGATE_H_
#define TF_PCONV_DELEGATE_TFLITE_DELEGATE_H_

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/options.h"

namespace tf_pconv {

// The delegate as the runtime knows it. It may serve several interpreters, from
// several threads, and must outlive them. Returns null and sets `status` where
// this processor has no kernel of the name in the options.
TfLiteDelegate* CreateDelegate(const Options& options, Status* status);

// Null is allowed.
void DestroyDelegate(TfLiteDelegate* delegate);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_DELEGATE_H_

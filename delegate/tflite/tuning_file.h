#ifndef TF_PCONV_DELEGATE_TFLITE_TUNING_FILE_H_
#define TF_PCONV_DELEGATE_TFLITE_TUNING_FILE_H_

#include "delegate/core/status.h"
#include "delegate/core/tuning.h"

namespace tf_pconv {

// Reads what a tuning file holds for this processor.
Status ReadTuningFile(const char* path, TuningTable* tuning);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_TUNING_FILE_H_

#ifndef TF_PCONV_DELEGATE_TFLITE_MEAN_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_MEAN_NODE_H_

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

// Reads a MEAN over the height and the width of images.
Status ReadMean(const TfLiteContext& context, const TfLiteNode& node,
                SelectedNode* mean);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_MEAN_NODE_H_

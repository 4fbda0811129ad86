#ifndef TF_PCONV_DELEGATE_TFLITE_UNARY_NODE_H_
#define TF_PCONV_DELEGATE_TFLITE_UNARY_NODE_H_

#include "delegate/core/status.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

// Read a function of each value of an image.
Status ReadRelu(const TfLiteContext& context, const TfLiteNode& node,
                SelectedNode* relu);
Status ReadReluN1To1(const TfLiteContext& context, const TfLiteNode& node,
                     SelectedNode* relu);
Status ReadRelu6(const TfLiteContext& context, const TfLiteNode& node,
                 SelectedNode* relu);
Status ReadLeakyRelu(const TfLiteContext& context, const TfLiteNode& node,
                     SelectedNode* relu);
Status ReadHardSwish(const TfLiteContext& context, const TfLiteNode& node,
                     SelectedNode* swish);
Status ReadLogistic(const TfLiteContext& context, const TfLiteNode& node,
                    SelectedNode* logistic);
// From int8 to int8 of another scale.
Status ReadQuantize(const TfLiteContext& context, const TfLiteNode& node,
                    SelectedNode* quantize);

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_UNARY_NODE_H_

#ifndef TF_PCONV_DELEGATE_TFLITE_CONV_FACTORY_H_
#define TF_PCONV_DELEGATE_TFLITE_CONV_FACTORY_H_

#include <memory>

#include "delegate/core/cost.h"
#include "delegate/core/pattern_conv.h"
#include "delegate/core/status.h"
#include "delegate/core/tuning.h"
#include "delegate/tflite/abi.h"
#include "delegate/tflite/conv_node.h"
#include "delegate/tflite/options.h"
#include "delegate/tflite/selected_node.h"

namespace tf_pconv {

// Makes the operators of convolutions, as the options and what a tuner has
// measured say.
class ConvFactory {
 public:
  // All must outlive the factory.
  ConvFactory(const TfLiteContext& context, const Options& options,
              const TuningTable& tuning, int threads);

  // What is predicted, with the gain that was measured if there is one.
  ConvCost FindCost(const ConvNode& conv) const;

  // Packs the weights for this processor.
  Status Make(int node, const char* name, const ConvCost& cost,
              const ConvNode& conv, SelectedNode* made) const;

 private:
  bool FindInputShape(const ConvNode& conv, ActivationShape* input) const;
  const TunedLayer* FindTuned(const ConvNode& conv) const;
  std::unique_ptr<PatternConv> Create(int node, const ConvNode& conv,
                                      Status* status) const;
  void LogLayer(int node, const ConvNode& conv) const;

  const TfLiteContext& context_;
  const Options& options_;
  const TuningTable& tuning_;
  const int threads_;
};

}  // namespace tf_pconv

#endif  // TF_PCONV_DELEGATE_TFLITE_CONV_FACTORY_H_

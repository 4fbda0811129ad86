#include "delegate/tflite/conv_factory.h"

#include <cmath>
#include <cstddef>

#include "delegate/core/kernel_names.h"
#include "delegate/core/output_stage.h"
#include "delegate/tflite/log.h"
#include "delegate/tflite/node_tensors.h"

namespace tf_pconv {
namespace {

// Stands, in predictions, for a side that is not known yet.
constexpr int kAssumedSide = 32;

size_t WeightBytes(const ConvNode& conv) {
  const ConvWeights& weights = conv.description.any_weights();
  return weights.values() * ElementBytes(weights.type) +
         conv.weights.kernels.size() * sizeof(GroupKernel);
}

bool HasMeasuredGain(const TunedLayer* tuned) {
  return tuned != nullptr && tuned->gain > 0;
}

}  // namespace

ConvFactory::ConvFactory(const TfLiteContext& context, const Options& options,
                         const TuningTable& tuning, int threads)
    : context_(context),
      options_(options),
      tuning_(tuning),
      threads_(threads) {}

ConvCost ConvFactory::FindCost(const ConvNode& conv) const {
  ActivationShape input;
  if (!FindInputShape(conv, &input)) return kReferenceCost;
  ConvCost cost = PredictCost(conv.description, input);
  const TunedLayer* tuned = FindTuned(conv);
  if (HasMeasuredGain(tuned) && std::isfinite(cost.ours)) {
    cost.dense = tuned->gain * (cost.ours + cost.cut);
  }
  return cost;
}

Status ConvFactory::Make(int node, const char* name, const ConvCost& cost,
                         const ConvNode& conv, SelectedNode* made) const {
  made->node = node;
  made->operator_name = name;
  made->inputs = {conv.input};
  made->output = conv.output;
  made->least_input_rank = conv.least_input_rank;
  made->flattens = conv.flattens;
  made->type = conv.description.type();
  made->weight_bytes = WeightBytes(conv);
  made->cost = cost;
  made->is_settled = HasMeasuredGain(FindTuned(conv));
  Status status;
  made->op = Create(node, conv, &status);
  if (made->op == nullptr) return status;
  // Settles the kernel's tile, which the log names. A shape that does not fit
  // is an error when it is run.
  ActivationShape input;
  if (ReadActivationShape(*FindTensor(context_, conv.input),
                          conv.least_input_rank, &input)
          .ok()) {
    static_cast<void>(made->op->Resize({input}));
  }
  return Status();
}

// False where the input has no such dimensions.
bool ConvFactory::FindInputShape(const ConvNode& conv,
                                 ActivationShape* input) const {
  const TfLiteTensor* tensor = FindTensor(context_, conv.input);
  if (!ReadActivationShape(*tensor, conv.least_input_rank, input).ok()) {
    return false;
  }
  const int rank = tensor->dims->size;
  if (rank > 3 && IsOpen(*tensor, rank - 3)) input->height = kAssumedSide;
  if (rank > 2 && IsOpen(*tensor, rank - 2)) input->width = kAssumedSide;
  // Reshaped to the weights' channels: more than a batch of one.
  if (IsOpen(*tensor, rank - 1)) {
    input->width = kAssumedSide;
    input->channels = conv.description.channels();
  }
  return true;
}

// What was measured of the convolution, or null. It does not hold for a kernel
// that the options name, nor for the reference.
const TunedLayer* ConvFactory::FindTuned(const ConvNode& conv) const {
  ActivationShape input;
  if (options_.kernel[0] != '\0' || !HalvesFitInt32(conv.description) ||
      !FindInputShape(conv, &input)) {
    return nullptr;
  }
  return tuning_.Find(LayerSignature(conv.description, input, threads_));
}

std::unique_ptr<PatternConv> ConvFactory::Create(int node, const ConvNode& conv,
                                                 Status* status) const {
  if (options_.log_level >= LogLevel::kVerbose) LogLayer(node, conv);
  PatternConvOptions conv_options;
  conv_options.kernel = options_.kernel;
  if (const TunedLayer* tuned = FindTuned(conv)) {
    conv_options.tuning = tuned->choices();
    auto created = PatternConv::Create(conv.description, conv_options, status);
    if (created != nullptr) return created;
    // The file was written for kernels that this library does not have.
    if (options_.log_level >= LogLevel::kInfo) {
      Log("node %d ignores its tuning, tune it again: %s", node,
          status->message());
    }
    conv_options.tuning = {};
  }
  return PatternConv::Create(conv.description, conv_options, status);
}

// What tuners need to know.
void ConvFactory::LogLayer(int node, const ConvNode& conv) const {
  ActivationShape input;
  if (!FindInputShape(conv, &input)) return;
  char kernels[3000];
  ListKernels(conv.description, kernels, sizeof(kernels));
  Log("node %d is layer %s and can run %s", node,
      LayerSignature(conv.description, input, threads_).text, kernels);
}

}  // namespace tf_pconv
